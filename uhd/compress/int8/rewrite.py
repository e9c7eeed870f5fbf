"""A float graph becomes one with QuantizeLinear and DequantizeLinear around every node that eight bits run."""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Iterable, Iterator

import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from uhd.compress.int8.weight_range import weight_overrides

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
    return result


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The library logs every bias that stays float because its layer does."""
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
