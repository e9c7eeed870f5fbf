"""A float graph becomes one with QuantizeLinear and DequantizeLinear around every node that eight bits run."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Iterable, Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from uhd.compress.int8.weight_range import channel_axis, weight_overrides

_WEIGHTS, _ACTIVATIONS = QuantType.QInt8, QuantType.QUInt8


def to_int8(graph: onnx.ModelProto, ranges: TensorsData, nodes: Iterable[str]) -> onnx.ModelProto:
    """Return the graph with these nodes on eight bits; the argument is not changed.

    Weights are int8, symmetric, with a scale for every output channel that lets no processor saturate, see
    :mod:`uhd.compress.int8.weight_range`; activations uint8 with a zero point.

    Args:
        graph: float, with shapes inferred.
        ranges: of every activation.
        nodes: names of the nodes; all others stay float.
    """
    nodes = list(nodes)
    # The library widens and narrows ranges in place, by which nodes it is given.
    own = copy.copy(ranges)
    own.data = dict(ranges.data)
    kinds = sorted({node.op_type for node in graph.graph.node if node.name in set(nodes)})
    with _quiet():
        quantizer = QDQQuantizer(
            copy.deepcopy(graph),
            per_channel=True,
            reduce_range=False,
            weight_qType=_WEIGHTS,
            activation_qType=_ACTIVATIONS,
            tensors_range=own,
            nodes_to_quantize=nodes,
            nodes_to_exclude=[],
            op_types_to_quantize=kinds,
            extra_options={
                "WeightSymmetric": True,
                "ActivationSymmetric": False,
                "TensorQuantOverrides": weight_overrides(graph, set(nodes)),
            },
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    result: onnx.ModelProto = quantizer.model.model
    keep_float(result, set(nodes))
    return result


def keep_float(graph: onnx.ModelProto, quantised: set[str]) -> None:
    """Let layers that are to compute in float do so in every runtime; changes the graph, not what it computes.

    onnxruntime quantises the weights of a layer between DequantizeLinear and QuantizeLinear by itself when it loads the
    file, with one scale for all channels and ranges that saturate on some processors (``WeightBiasQuantization``). A
    Clip to the range that the input has anyhow ends that pattern.
    """
    makers = {output: node for node in graph.graph.node for output in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for node in list(graph.graph.node):
        unpacked = makers.get(node.input[0]) if node.input else None
        if channel_axis(node) is None or node.name in quantised or unpacked is None:
            continue
        after = {reader.op_type for name in node.output for reader in readers.get(name, [])}
        if unpacked.op_type == "DequantizeLinear" and after == {"QuantizeLinear"}:
            _clip_input(graph, node, unpacked)


def _clip_input(graph: onnx.ModelProto, node: onnx.NodeProto, unpacked: onnx.NodeProto) -> None:
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    scale, zero = (numpy_helper.to_array(constants[constant]) for constant in unpacked.input[1:3])
    codes = np.iinfo(zero.dtype)
    name = f"{node.name}_in_range"
    for end, code in (("least", codes.min), ("most", codes.max)):
        value = np.float32((code - int(zero)) * float(scale))
        graph.graph.initializer.append(numpy_helper.from_array(np.asarray(value), f"{name}_{end}"))
    clip = helper.make_node("Clip", [node.input[0], f"{name}_least", f"{name}_most"], [name], name)
    graph.graph.node.insert(list(graph.graph.node).index(node), clip)
    node.input[0] = name


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The library logs every bias that stays float because its layer does."""
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
