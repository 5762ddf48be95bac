"""Write GGUF, the file format of the models that Ollama loads: keys with values, then tensors.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import struct

U32, I32, F32, BOOL, STR, ARRAY = 4, 5, 6, 7, 8, 9  # types of values
NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE = 1, 2, 3, 5, 6  # types of tokens in llama.cpp
TENSOR_F32, TENSOR_F16, TENSOR_Q4_0 = 0, 1, 2
ALIGN = 32


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def scalar(kind, value):
    return text(value) if kind == STR else struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)


def pair(key, kind, value):
    if isinstance(value, list):
        body = struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(scalar(kind, v) for v in value)
    else:
        body = struct.pack("<I", kind) + scalar(kind, value)
    return text(key) + body


def padded(data):
    return data + bytes(-len(data) % ALIGN)


def write(path, keys, tensors):
    """Keys are (name, type, value), tensors (name, shape as (rows, columns) or (length,), type, data)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(pair(*key) for key in keys)
    offset = 0
    for name, shape, kind, data in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), kind, offset)
        offset += len(padded(data))
    with open(path, "wb") as out:
        out.write(padded(head))
        for _, _, _, data in tensors:
            out.write(padded(data))
