"""Channels of neighbouring layers scaled until one step of a power of two serves all of them well.

A channel can be multiplied where it is made and divided again where it is read (:mod:`uhd.export.espdl.channels`). Two
things are done with that:

* channel by channel, so that the weights that make it, what it reaches and the weights that read it are as large as
  those of the other channels of the same tensors;
* for a whole layer, so that its activations fill the range that the chip has: its steps are powers of two, and a range
  just above one of them leaves half of the codes unused. The end of a Clip (ReLU6) becomes the last code, which then
  clips by itself (:mod:`uhd.export.espdl.clips`).

A channel that a Clip cuts has to be cut at the same value, so it is scaled as its layer is and not by itself.
Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019,
https://arxiv.org/abs/1906.04721, section 4.1, which takes weights alone, pairs of layers alone, has no powers of two
and replaces ReLU6 by ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from uhd.export.espdl.channels import Channels, find_channels
from uhd.export.espdl.float_graph import with_outputs
from uhd.runtime.onnx import open_session

Array = NDArray[np.float32]
Exact = NDArray[np.float64]
Values = dict[str, Any]

LAST_CODE = 127  # of eight bits; where there are sixteen, half a step of 8 bits is nothing
_ROUNDS = 3  # a layer between two others is scaled from both sides
_MOST = 64.0  # of a channel's own factor
_MARGIN = 0.95  # of a Clip's range, for images that were not measured
_PERCENTILE, _FILLED = 99.99, 0.85  # how much of the last code's value an image's percentile has, on average


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
    channels = find_channels(scaled.graph, values)
    stored = _stored(scaled.graph, channels)
    farthest = _measured(_with(scaled, values), stored, images, lambda outputs: np.abs(outputs).max((0, 2, 3)))
    reach = {name: rows.max(0) for name, rows in farthest.items()}
    _scale(values, channels, _by_channel(channels, values, reach))
    percentile = _measured(
        _with(scaled, values), stored, images, lambda outputs: np.percentile(np.abs(outputs), _PERCENTILE)
    )
    ends = {name: float(rows.mean()) / _FILLED for name, rows in percentile.items()}
    ends |= {clip.output[0]: end for clip, end in channels.clips}
    filling = _by_layer(channels, ends)
    _scale(values, channels, filling)
    for clip, end in channels.clips:
        name = clip.input[2] = f"{clip.name}_end"
        values[name] = np.asarray(end * filling[channels.of[clip.output[0]][0]], np.float32)
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


def _stored(graph: onnx.GraphProto, channels: Channels) -> list[str]:
    """Return the tensors with channels that the chip stores: not those between a convolution and its activation."""
    made = {node.output[0] for node in channels.makers}
    fused = {node.input[0] for node in graph.node if node.op_type in {"Relu", "Clip"}} & made
    return [name for name in channels.of if name not in fused]


def _measured(
    model: onnx.ModelProto, names: list[str], images: Array, measure: Callable[[Array], Any]
) -> dict[str, Exact]:
    """Return a measure of tensors of the graph by their names, image by image along the first axis."""
    if not names:
        return {}
    session = open_session(with_outputs(model, names).SerializeToString())
    feed = session.get_inputs()[0].name
    rows = [[measure(each) for each in session.run(names, {feed: image[None]})] for image in images]
    return {name: np.array(row, np.float64) for name, row in zip(names, zip(*rows, strict=True), strict=True)}


def _by_channel(channels: Channels, values: Values, reach: dict[str, Exact]) -> Exact:
    """Return a factor for every number of a channel.

    Args:
        reach: of stored tensors, the highest value of every channel.
    """
    factor, most = np.ones(channels.count), np.full(channels.count, _MOST)
    for clip, end in channels.clips:
        ids = channels.of[clip.output[0]]
        np.minimum.at(most, ids, _MARGIN * end / np.maximum(reach[clip.output[0]], 1e-12))
    free = ~channels.still & (most >= 1)
    layers = channels.layers()
    for _ in range(_ROUNDS):
        made, reached, read = _shares(channels, values, reach, factor)
        able = free & (made > 0) & (read > 0)
        change = np.ones(channels.count)
        change[able] = np.sqrt(read[able] / np.maximum(made, reached)[able])
        for layer in layers:
            ids = layer[able[layer]]
            if len(ids):
                change[ids] /= np.exp(np.median(np.log(change[ids])))
        factor[able] = np.clip(factor * change, 1 / _MOST, most)[able]
    return factor


def _shares(channels: Channels, values: Values, reach: dict[str, Exact], factor: Exact) -> tuple[Exact, Exact, Exact]:
    """Return how large each channel is beside the largest of its tensors, with these factors.

    Returns:
        for every number, the weights that make it, what it reaches, the weights that read it.
    """
    made, reached, read = (np.zeros(channels.count) for _ in range(3))
    scaled = dict(values)
    _scale(scaled, channels, factor)
    for node in channels.makers:
        weights = np.abs(scaled[node.input[1]])
        _raise(made, channels.of[node.output[0]], weights.reshape(len(weights), -1).max(1))
    for name, highest in reach.items():
        _raise(reached, channels.of[name], highest * factor[channels.of[name]])
    for reader in channels.readers:
        weights = np.abs(scaled[reader.node.input[1]])
        most = weights.reshape(len(weights), -1).max(1) if reader.depthwise else weights.max((0, 2, 3))
        _raise(read, channels.of[reader.tensor], most)
    return made, reached, read


def _raise(shares: Exact, ids: NDArray[np.intp], sizes: Any) -> None:
    np.maximum.at(shares, ids, sizes / max(float(sizes.max()), 1e-30))


def _by_layer(channels: Channels, ends: dict[str, float]) -> Exact:
    """Return a factor for every number of a channel, one for all that share a step.

    Args:
        ends: of stored tensors, what their last code should be.
    """
    filling = np.ones(channels.count)
    for layer in channels.layers():
        own = [end for name, end in ends.items() if end > 0 and channels.of[name][0] in layer]
        if own and not channels.still[layer].any():
            # One of them fills its range exactly; which, is best for all of them together.
            tried = [LAST_CODE * 2.0 ** math.ceil(math.log2(end / LAST_CODE)) / end for end in own]
            filling[layer] = min(tried, key=lambda factor: _unused(own, factor))
    return filling


def _unused(ends: list[float], factor: float) -> float:
    """Return the sum of squared steps of ranges, beside what they would be without powers of two."""
    # A factor that fills a range exactly must not be taken for one that exceeds it by rounding.
    exponents = [math.log2(factor * end / LAST_CODE) for end in ends]
    return math.fsum(math.pow(4, math.ceil(exponent - 1e-9) - exponent) for exponent in exponents)


def _scale(values: Values, channels: Channels, factor: Exact) -> None:
    """Multiply channels where they are made, and divide them where they are read."""
    for node in channels.makers:
        own = factor[channels.of[node.output[0]]]
        weights, *biases = node.input[1:]
        values[weights] = (values[weights] * own.reshape(-1, 1, 1, 1)).astype(np.float32)
        for name in biases:
            values[name] = (values[name] * own).astype(np.float32)
    for reader in channels.readers:
        name = reader.node.input[1]
        shape = (-1, 1, 1, 1) if reader.depthwise else (1, -1, 1, 1)
        values[name] = (values[name] / factor[channels.of[reader.tensor]].reshape(shape)).astype(np.float32)
