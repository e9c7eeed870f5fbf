"""Weights stored in 16 bits and computed with in 32: half the file, the same speed.

Runtimes turn the constants back into single precision once, when the file is opened, so nothing else about the graph
changes. What is lost is the rounding of the weights: at most 1 part in 2,048 of each.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

# Smaller tensors save less than the operator that turns them back costs.
_LEAST_VALUES = 64
_STORED = "/half"


def store_half(graph: onnx.ModelProto) -> int:
    """Store the weights of a graph in half precision, in place.

    Tensors that are outputs stay as they are, and so does what half precision cannot hold.

    Args:
        graph: computes in single precision.

    Returns:
        How many tensors are stored so.
    """
    outputs = {output.name for output in graph.graph.output}
    casts = []
    for tensor in graph.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or tensor.name in outputs:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < _LEAST_VALUES or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + _STORED))
        casts.append(onnx.helper.make_node("Cast", [name + _STORED], [name], name + "/Cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return len(casts)


def restore_full(graph: onnx.ModelProto) -> int:
    """Undo :func:`store_half`, in place, up to the rounding; returns how many tensors were stored so."""
    half = {t.name: t for t in graph.graph.initializer if t.data_type == onnx.TensorProto.FLOAT16}
    casts = {
        node.input[0]: node.output[0]
        for node in graph.graph.node
        if node.op_type == "Cast" and node.input[0] in half and node.attribute[0].i == onnx.TensorProto.FLOAT
    }
    for stored, name in casts.items():
        values = numpy_helper.to_array(half[stored]).astype(np.float32)
        half[stored].CopyFrom(numpy_helper.from_array(values, name))
    kept = [node for node in graph.graph.node if not (node.op_type == "Cast" and node.input[0] in casts)]
    del graph.graph.node[:]
    graph.graph.node.extend(kept)
    return len(casts)
