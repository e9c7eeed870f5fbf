"""Ranges of int8 weights with which no processor saturates, so that one file gives one answer everywhere.

x86 processors with AVX2 but without VNNI multiply uint8 activations by int8 weights and add two neighbouring products
in 16 bits, which saturate at 32767 (``vpmaddubsw``); those with VNNI, and ARM, add in 32 bits. Which weights are
neighbours is the kernel's choice. So the two largest weights of one sign of an output channel may not exceed 128
together: ``255 * 128 = 32640``. A channel whose largest weight stands alone keeps all eight bits; no channel loses more
than the one bit that is lost when every range is halved.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

LARGEST = 127  # of an int8 weight; the range is symmetric
PAIR = 128  # most that two weights of one sign may sum to


def weight_ranges(weights: NDArray[np.float32], axis: int) -> NDArray[np.float64]:
    """Return the value that becomes 127, for every channel along an axis: (channels,), 0 where all weights are 0.

    Either weight may be rounded up by half a step, so both together get 127 of the 128 steps.

    Args:
        weights: of one layer, any shape.
        axis: of its output channels.
    """
    rows = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1).astype(np.float64)
    padded = np.pad(rows, ((0, 0), (2, 2)))
    ordered = np.sort(padded, axis=1)
    return np.asarray(np.maximum(ordered[:, -2:].sum(1), -ordered[:, :2].sum(1)), np.float64)


def weight_overrides(graph: onnx.ModelProto, nodes: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the ranges of the weights of these nodes, as onnxruntime's quantiser takes them: by tensor, by channel."""
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    found = {}
    for node in graph.graph.node:
        axis = channel_axis(node)
        if node.name not in nodes or axis is None:
            continue
        for name in node.input[:2]:
            if name in constants and len(constants[name].dims) >= 2:
                tops = weight_ranges(numpy_helper.to_array(constants[name]), axis)
                found[name] = [{"axis": axis, "rmin": np.float32(-top), "rmax": np.float32(top)} for top in tops]
    return found


def channel_axis(node: onnx.NodeProto) -> int | None:
    """Return the axis of the output channels in a layer's weights; None of any other node."""
    if node.op_type == "Gemm":
        return 0 if any(each.name == "transB" and each.i for each in node.attribute) else 1
    return {"Conv": 0, "ConvTranspose": 1, "MatMul": 1}.get(node.op_type)
