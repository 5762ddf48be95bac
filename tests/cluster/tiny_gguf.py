#!/usr/bin/env python3
"""Write tiny-llama.gguf (265 KB): a chat model with random weights, for a machine that cannot fetch a real one.

usage: tiny_gguf.py FILE

It loads in a moment and takes the same road as a real model (tokenizer, prompt evaluation, token stream), but what it says means nothing. Because it
also emits byte tokens, its stream holds broken and half-finished UTF-8, which a relay has to survive. The same call gives the same bytes.
"""

import random
import string
import struct
import sys

import gguf_file
from gguf_file import BOOL, BYTE, CONTROL, F32, I32, NORMAL, STR, TENSOR_F16, TENSOR_F32, U32, UNKNOWN

WIDTH, LAYERS, HEADS, FF, CONTEXT = 64, 2, 4, 128, 2048


def metadata():
    """The vocabulary: 3 special tokens, all 256 bytes (so that any text can be encoded), the printable ASCII characters."""
    printable = ["\u2581", *string.ascii_letters, *string.digits, *string.punctuation]  # the first marks the start of a word
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), *printable]
    types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * len(printable)
    scores = [0.0] * 259 + [-float(rank) for rank in range(1, len(printable) + 1)]
    yield "general.architecture", STR, "llama"
    yield "general.name", STR, "tiny-random-llama"
    yield "general.file_type", U32, 1  # mostly F16
    yield "llama.context_length", U32, CONTEXT
    yield "llama.embedding_length", U32, WIDTH
    yield "llama.block_count", U32, LAYERS
    yield "llama.feed_forward_length", U32, FF
    yield "llama.attention.head_count", U32, HEADS
    yield "llama.attention.head_count_kv", U32, HEADS
    yield "llama.attention.layer_norm_rms_epsilon", F32, 1e-5
    yield "llama.rope.dimension_count", U32, WIDTH // HEADS
    yield "llama.vocab_size", U32, len(tokens)
    yield "tokenizer.ggml.model", STR, "llama"
    yield "tokenizer.ggml.tokens", STR, tokens
    yield "tokenizer.ggml.scores", F32, scores
    yield "tokenizer.ggml.token_type", I32, types
    yield "tokenizer.ggml.bos_token_id", U32, 1
    yield "tokenizer.ggml.eos_token_id", U32, 2
    yield "tokenizer.ggml.unknown_token_id", U32, 0
    yield "tokenizer.ggml.add_bos_token", BOOL, True


def tensors(vocabulary):
    """Name, shape, type, data: random F16 matrices, norms of ones in F32."""
    source = random.Random(0)

    def matrix(name, rows, columns):
        values = [source.gauss(0, 0.05) for _ in range(rows * columns)]
        return name, (rows, columns), TENSOR_F16, struct.pack(f"<{len(values)}e", *values)

    def ones(name):
        return name, (WIDTH,), TENSOR_F32, struct.pack(f"<{WIDTH}f", *[1.0] * WIDTH)

    yield matrix("token_embd.weight", vocabulary, WIDTH)
    yield ones("output_norm.weight")
    yield matrix("output.weight", vocabulary, WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        yield ones(block + "attn_norm.weight")
        yield ones(block + "ffn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield matrix(f"{block}{part}.weight", WIDTH, WIDTH)
        yield matrix(block + "ffn_gate.weight", FF, WIDTH)
        yield matrix(block + "ffn_up.weight", FF, WIDTH)
        yield matrix(block + "ffn_down.weight", WIDTH, FF)


def main(path):
    keys = list(metadata())
    vocabulary = dict((k, v) for k, _, v in keys)["llama.vocab_size"]
    gguf_file.write(path, keys, list(tensors(vocabulary)))


main(sys.argv[1])
