"""Channels of neighbouring layers scaled until one step of a power of two serves all of them well.

What a ReLU lets through can be multiplied before it and divided again after it. Two things are done with that:

* channel by channel, so that the weights before and after have ranges like those of the other channels;
* for a whole layer, so that its activations fill the range that the chip has: its steps are powers of two, and a range
  just above one of them leaves half of the codes unused. The end of a Clip (ReLU6) becomes the last code, which then
  clips by itself (:mod:`uhd.export.espdl.clips`).

A channel that a Clip cuts has to be cut at the same value, so it is scaled as its layer is and not by itself.
Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019,
https://arxiv.org/abs/1906.04721, section 4.1, which has no powers of two and replaces ReLU6 by ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from uhd.export.espdl.float_graph import with_outputs
from uhd.runtime.onnx import open_session

Array = NDArray[np.float32]
Values = dict[str, Any]

LAST_CODE = 127  # of eight bits; where there are sixteen, half a step of 8 bits is nothing
_ROUNDS = 3  # a layer between two others is scaled from both sides
_MOST = 64.0  # of a channel's own factor
_MARGIN = 0.95  # of a Clip's range, for images that were not measured
_PERCENTILE, _FILLED = 99.99, 0.85  # how much of the last code's value an image's percentile has, on average


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two convolutions and the activation between them, which nothing else reads.

    Attributes:
        first, activation, second: the nodes.
        end: of a Clip from 0; infinite for a Relu.
        depthwise: whether the second convolution has one input channel per output.
    """

    first: onnx.NodeProto
    activation: onnx.NodeProto
    second: onnx.NodeProto
    end: float
    depthwise: bool


def equalise(model: onnx.ModelProto, images: Array) -> onnx.ModelProto:
    """Return a graph that computes the same for these images, with other weights and other ends of Clips.

    Args:
        model: float; not changed.
        images: (n, C, h, w), which show how far every channel reaches.
    """
    scaled = onnx.ModelProto()
    scaled.CopyFrom(model)
    values: Values = {tensor.name: numpy_helper.to_array(tensor) for tensor in scaled.graph.initializer}
    _take_apart(scaled.graph, values)
    pairs = list(_pairs(scaled.graph, values))
    highest = [each.max(0) for each in _reaches(_with(scaled, values), pairs, images, None)]
    factors = [np.ones(len(reach)) for reach in highest]
    for _ in range(_ROUNDS):
        for pair, factor, reach in zip(pairs, factors, highest, strict=True):
            wanted = _wanted(values, pair, factor, reach)
            _scale(values, pair, wanted / factor)
            factor[:] = wanted
    percentiles = _reaches(_with(scaled, values), pairs, images, _PERCENTILE)
    for pair, reach in zip(pairs, percentiles, strict=True):
        end = pair.end if math.isfinite(pair.end) else float(reach.mean()) / _FILLED
        if end <= 0:
            continue
        filling = LAST_CODE * 2.0 ** math.ceil(math.log2(end / LAST_CODE)) / end
        _scale(values, pair, np.full(len(values[pair.first.input[1]]), filling))
        if math.isfinite(pair.end):
            name = pair.activation.input[2] = f"{pair.activation.name}_end"
            values[name] = np.asarray(pair.end * filling, np.float32)
    return _with(scaled, values)


def _take_apart(graph: onnx.GraphProto, values: Values) -> None:
    """Give every convolution tensors of its own: equal ones are stored once in a file."""
    for node in graph.node:
        if node.op_type == "Conv":
            for i, name in enumerate(node.input):
                if i and name in values:
                    node.input[i] = f"{node.name}.{i}"
                    values[node.input[i]] = values[name]


def _with(model: onnx.ModelProto, values: Values) -> onnx.ModelProto:
    """Return a copy of the graph with these constants, as far as it uses them."""
    filled = onnx.ModelProto()
    filled.CopyFrom(model)
    del filled.graph.initializer[:]
    used = {name for node in filled.graph.node for name in node.input}
    filled.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in values.items() if name in used
    )
    return filled


def _pairs(graph: onnx.GraphProto, values: Values) -> Iterator[_Pair]:
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    put_out = {output.name for output in graph.output}
    for first in graph.node:
        chain = [first]
        while len(chain) < 3 and len(after := readers.get(chain[-1].output[0], [])) == 1:
            if chain[-1].output[0] in put_out:
                break
            chain += after
        if [node.op_type for node in chain] not in (["Conv", "Relu", "Conv"], ["Conv", "Clip", "Conv"]):
            continue
        activation, second = chain[1:]
        end = _end(activation, values)
        if end is None or not all(name in values for conv in (first, second) for name in conv.input[1:]):
            continue
        weights = values[second.input[1]]
        groups = next((each.i for each in second.attribute if each.name == "group"), 1)
        depthwise = groups == len(weights) and weights.shape[1] == 1
        if groups == 1 or depthwise:
            yield _Pair(first, activation, second, end, depthwise)


def _end(activation: onnx.NodeProto, values: Values) -> float | None:
    """Return where an activation that starts at 0 ends; None for others."""
    if activation.op_type == "Relu":
        return math.inf
    ends = [float(values[name]) for name in activation.input[1:] if name in values]
    return ends[1] if len(ends) == 2 and ends[0] == 0 < ends[1] else None


def _reaches(
    model: onnx.ModelProto, pairs: list[_Pair], images: Array, percentile: float | None
) -> list[NDArray[np.float64]]:
    """Return for every pair how far the first convolution's outputs reach.

    Returns:
        (images, channels), the highest output, or (images,), a percentile of what a ReLU leaves of them.
    """
    names = [pair.first.output[0] for pair in pairs]
    if not names:
        return []
    session = open_session(with_outputs(model, names).SerializeToString())
    feed = session.get_inputs()[0].name
    rows = []
    for image in images:
        outputs = session.run(names, {feed: image[None]})
        if percentile is None:
            rows.append([each.max((0, 2, 3)) for each in outputs])
        else:
            rows.append([np.percentile(np.maximum(each, 0), percentile) for each in outputs])
    return [np.array(reach, np.float64) for reach in zip(*rows, strict=True)]


def _wanted(values: Values, pair: _Pair, factor: NDArray[np.float64], highest: NDArray[np.float64]) -> Any:
    """Return factors of the channels that follow from their weights and the factors they have."""
    first, second = np.abs(values[pair.first.input[1]]), np.abs(values[pair.second.input[1]])
    before = first.reshape(len(first), -1).max(1)
    after = second.reshape(len(second), -1).max(1) if pair.depthwise else second.max((0, 2, 3))
    free = (before > 0) & (after > 0) & (highest < _MARGIN * pair.end)
    if not free.any():
        return factor
    ratio = np.sqrt(after[free] / before[free])
    wanted = factor.copy()
    wanted[free] *= ratio / np.exp(np.median(np.log(ratio)))
    most = np.full(len(wanted), _MOST)
    if math.isfinite(pair.end):
        most = np.minimum(most, _MARGIN * pair.end / np.maximum(highest, 1e-12))
    return np.where(free, np.clip(wanted, 1 / _MOST, most), 1.0)


def _scale(values: Values, pair: _Pair, factor: NDArray[np.float64]) -> None:
    """Multiply what the first convolution puts out, and divide it again in the second."""
    weights, *biases = pair.first.input[1:]
    values[weights] = (values[weights] * factor.reshape(-1, 1, 1, 1)).astype(np.float32)
    for name in biases:
        values[name] = (values[name] * factor).astype(np.float32)
    name = pair.second.input[1]
    shape = (-1, 1, 1, 1) if pair.depthwise else (1, -1, 1, 1)
    values[name] = (values[name] / factor.reshape(shape)).astype(np.float32)
