"""Change a ``.tflite`` file where the converters offer no way: names of tensors, metadata, and where weights lie."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from uhd.runtime.litert import METADATA


def rename(content: bytes, feed: str, outputs: Sequence[str]) -> bytes:
    """Give the input and the outputs of the only signature their names, in its order."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    signature = model.signatureDefs[0]
    graph = model.subgraphs[signature.subgraphIndex]
    for entries, names in ((signature.inputs, [feed]), (signature.outputs, outputs)):
        # The converter numbers them output_0, output_1, ...
        ordered = sorted(entries, key=lambda entry: int(entry.name.rpartition(b"_")[2]))
        for entry, name in zip(ordered, names, strict=True):
            entry.name = name.encode()
            graph.tensors[entry.tensorIndex].name = name.encode()
    return _pack(model)


def add_metadata(content: bytes, table: Mapping[str, str]) -> bytes:
    """Return the file with a table of text values, which :func:`uhd.runtime.litert.read_metadata` finds."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    buffer = schema.BufferT()
    buffer.data = json.dumps(dict(table)).encode()
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    return _pack(model)


def gather_buffers(content: bytes) -> bytes:
    """Return a file whose buffers are all inside it.

    Quantisers put the weights of larger models behind the part that a reader of flatbuffers sees, with their offsets.
    TensorFlow Lite Micro does not look there: it takes such weights for empty maps and computes nonsense.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    outside = [buffer for buffer in model.buffers if buffer.offset > 1]
    if not outside:
        return content
    for buffer in outside:
        buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
        buffer.offset = buffer.size = 0
    return _pack(model)


def _pack(model: Any) -> bytes:
    builder = import_module("flatbuffers").Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
