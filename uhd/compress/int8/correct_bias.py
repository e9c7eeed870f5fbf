"""The mean error that rounded weights make is taken out of the biases.

Rounding moves every output channel of a layer by the same amount on average, because its inputs are no noise around 0;
behind a ReLU they are all positive. Depthwise layers, with few weights per channel, suffer most.
Source: Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and Bias
Correction", 2019, https://arxiv.org/abs/1906.04721, section 4.2; inputs are measured, as in its appendix D.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from uhd.compress.int8.feeds import Feed
from uhd.runtime.onnx import open_session

Shifts = dict[str, NDArray[np.float32]]
BIASED = ("Conv", "ConvTranspose", "Gemm")  # layers whose third input is a bias, along axis 1 of the output


def mean_errors(graph: onnx.ModelProto, rounded: Mapping[str, NDArray[np.float32]], feeds: Iterable[Feed]) -> Shifts:
    """Return by how much rounded weights move the outputs of every layer with a bias.

    Args:
        graph: float.
        rounded: layer -> its weights as they are going to be, in the shape that they have.
        feeds: inputs of the runs.

    Returns:
        layer -> (channels,), averaged over images and places; layers whose weights are as they were are left out.
    """
    wide = onnx.ModelProto()
    wide.CopyFrom(graph)
    weights = weights_of(graph)
    twins = {}
    for node in graph.graph.node:
        if node.op_type not in BIASED or len(node.input) < 3 or node.name not in weights.keys() & rounded.keys():
            continue
        error = rounded[node.name] - weights[node.name]
        if not error.any():
            continue
        # What the layer would put out with nothing but the error of its weights, from inputs as float has them.
        twin, name = onnx.NodeProto(), f"{node.name}_error"
        twin.CopyFrom(node)
        twin.name = twins[node.name] = name
        del twin.input[1:], twin.output[:]
        twin.input.append(f"{name}_weights")
        twin.output.append(name)
        wide.graph.initializer.append(numpy_helper.from_array(error, f"{name}_weights"))
        wide.graph.node.append(twin)
        wide.graph.output.append(helper.make_empty_tensor_value_info(name))
    return _means(wide, twins, feeds) if twins else {}


def weights_of(graph: onnx.ModelProto) -> Shifts:
    """Return layer -> its weights as they act, unpacked where they are stored on eight bits."""
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    makers = {output: node for node in graph.graph.node for output in node.output}
    found = {}
    for node in graph.graph.node:
        if node.op_type not in BIASED:
            continue
        if node.input[1] in constants:
            found[node.name] = numpy_helper.to_array(constants[node.input[1]])
            continue
        unpack = makers.get(node.input[1])
        if unpack is not None and unpack.op_type == "DequantizeLinear":
            codes, scale = (numpy_helper.to_array(constants[name]) for name in unpack.input[:2])
            axis = next((each.i for each in unpack.attribute if each.name == "axis"), 1)
            shape = [1] * codes.ndim
            if scale.ndim:
                shape[axis] = -1
            found[node.name] = (codes.astype(np.float32) * scale.reshape(shape)).astype(np.float32)
    return found


def with_biases_moved(graph: onnx.ModelProto, errors: Mapping[str, NDArray[np.float32]]) -> onnx.ModelProto:
    """Return the graph with these means taken off the biases; the argument is not changed."""
    moved = onnx.ModelProto()
    moved.CopyFrom(graph)
    constants = {tensor.name: tensor for tensor in moved.graph.initializer}
    replaced = set()
    for node in moved.graph.node:
        if node.name not in errors or node.input[2] not in constants:
            continue
        bias = numpy_helper.to_array(constants[node.input[2]])
        # Of its own: another layer may read the same bias.
        replaced.add(node.input[2])
        node.input[2] = f"{node.name}_moved_bias"
        value = np.asarray(bias - errors[node.name], np.float32)
        moved.graph.initializer.append(numpy_helper.from_array(value, node.input[2]))
    read = {name for node in moved.graph.node for name in node.input}
    for name in replaced - read:
        moved.graph.initializer.remove(constants[name])
    return moved


def _means(graph: onnx.ModelProto, names: Mapping[str, str], feeds: Iterable[Feed]) -> Shifts:
    session = open_session(graph.SerializeToString())
    total: dict[str, NDArray[np.float64]] = {}
    count = 0
    for feed in feeds:
        outputs = session.run(list(names.values()), {session.get_inputs()[0].name: feed})
        for layer, output in zip(names, outputs, strict=True):
            others = tuple(axis for axis in range(output.ndim) if axis != 1)
            total[layer] = total.get(layer, 0) + output.mean(others, dtype=np.float64)
        count += 1
    return {layer: (each / count).astype(np.float32) for layer, each in total.items()}
