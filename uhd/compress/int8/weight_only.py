"""Layers that compute in float keep their weights on eight bits all the same: a quarter of their bytes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from uhd.compress.int8.weight_range import LARGEST, channel_axis

# Smaller ones would save less than the node that unpacks them takes.
_LEAST = 512


def store_weights(graph: onnx.ModelProto) -> None:
    """Put int8 weights and a DequantizeLinear in the place of every layer's large float weights; changes the graph.

    A scale for every output channel, symmetric, all 127 steps: nothing is multiplied on eight bits here, so nothing
    can saturate.
    """
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    axes = {name: axis for node in graph.graph.node if (axis := channel_axis(node)) is not None for name in node.input}
    for name, axis in axes.items():
        tensor = constants.get(name)
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        weights = numpy_helper.to_array(tensor)
        if weights.size < _LEAST:
            continue
        others = tuple(each for each in range(weights.ndim) if each != axis)
        scale = np.abs(weights).max(others, keepdims=True) / LARGEST
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        packed, scales = f"{name}_stored", f"{name}_stored_scale"
        graph.graph.initializer.remove(tensor)
        graph.graph.initializer.append(numpy_helper.from_array(np.rint(weights / scale).astype(np.int8), packed))
        graph.graph.initializer.append(numpy_helper.from_array(scale.reshape(-1), scales))
        unpack = helper.make_node("DequantizeLinear", [packed, scales], [name], f"{name}_unpack", axis=axis)
        graph.graph.node.insert(0, unpack)
