"""Which channels of a graph can only be scaled together: those that are added, joined or passed on unchanged.

A convolution makes channels of its own and reads those of its input. In between a channel may be cut at zero, pooled,
resized, joined with others, multiplied with a gate: scaled before all of that, it comes out scaled by as much. Where
two tensors are added, each pair of channels becomes one. A channel that anything else reads, or that the graph puts
out, stays what it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

Ids = NDArray[np.intp]

# A channel scaled before these comes out scaled; a Clip does so within its ends.
_PASS_ON = frozenset(
    {"Relu", "LeakyRelu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean", "Resize", "Identity"}
)


@dataclass(frozen=True, eq=False)
class Reader:
    """A convolution that reads scalable channels.

    Attributes:
        node: of the graph.
        tensor: that it reads.
        depthwise: one input channel per output, instead of all.
    """

    node: onnx.NodeProto
    tensor: str
    depthwise: bool


@dataclass(eq=False)
class Channels:
    """Channels of a graph, numbered; one number for those that are scaled together.

    Attributes:
        of: the channels of a tensor, by name; tensors that are not here have none.
        makers: convolutions whose outputs are numbered.
        readers: convolutions that read numbered channels.
        clips: by node, with where it ends.
        still: numbers of channels that stay what they are.
    """

    of: dict[str, Ids] = field(default_factory=dict)
    makers: list[onnx.NodeProto] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    clips: list[tuple[onnx.NodeProto, float]] = field(default_factory=list)
    still: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return len(self.still)

    def layers(self) -> list[Ids]:
        """Return the numbers in groups: those of channels that share a tensor, and with it a step."""
        links = [(ids[0], other) for ids in self.of.values() for other in ids[1:]]
        together = _together(self.count, links)
        used = np.unique(np.concatenate(list(self.of.values()))) if self.of else np.zeros(0, np.intp)
        return [used[together[used] == group] for group in np.unique(together[used])]


def find_channels(graph: onnx.GraphProto, values: Mapping[str, Any]) -> Channels:
    """Return the channels of a graph.

    Args:
        graph: its nodes in the order in which they run.
        values: its constants.
    """
    found = Channels()
    numbers, links, still = 0, [], list[Ids]()
    for node in graph.node:
        read = [name for name in node.input if name in found.of]
        if node.op_type == "Conv":
            if read and not _reads(node, read[0], values, found):
                still += [found.of[name] for name in read]
            if all(name in values for name in node.input[1:]):
                outputs = len(values[node.input[1]])
                found.of[node.output[0]] = np.arange(numbers, numbers + outputs)
                found.makers.append(node)
                numbers += outputs
            continue
        out = _passed_on(node, read, values, found)
        if out is None:
            still += [found.of[name] for name in read]
            continue
        found.of[node.output[0]] = out
        if node.op_type == "Add":
            links += list(zip(*(found.of[name] for name in read), strict=True))
    together = _together(numbers, links)
    found.of = {name: together[ids] for name, ids in found.of.items()}
    found.still = np.zeros(numbers, bool)
    still += [found.of[output.name] for output in graph.output if output.name in found.of]
    for ids in still:
        found.still[together[ids]] = True
    return found


def _reads(node: onnx.NodeProto, tensor: str, values: Mapping[str, Any], found: Channels) -> bool:
    """Add a convolution to those that can undo a scale; returns whether it can."""
    weights = values.get(node.input[1])
    groups = next((each.i for each in node.attribute if each.name == "group"), 1)
    depthwise = weights is not None and groups == len(weights) and weights.shape[1] == 1
    constant = all(name in values for name in node.input[1:])
    if not constant or tensor != node.input[0] or not (groups == 1 or depthwise):
        return False
    found.readers.append(Reader(node, tensor, depthwise))
    return True


def _passed_on(node: onnx.NodeProto, read: list[str], values: Mapping[str, Any], found: Channels) -> Ids | None:
    """Return the channels of a node's output; None where it is no scaled input."""
    inputs = [found.of[name] for name in read]
    if not inputs:
        return None
    if node.op_type == "Clip":
        end = _end(node, values)
        if end is None:
            return None
        found.clips.append((node, end))
    if node.op_type == "ReduceMean" and not _over_places(node, values):
        return None
    if node.op_type in _PASS_ON:
        return inputs[0]
    if node.op_type == "Add" and len(inputs) == 2 and len(inputs[0]) == len(inputs[1]):
        return inputs[0]
    if node.op_type == "Concat" and len(inputs) == len(node.input) and _axis(node) == 1:
        return np.concatenate(inputs)
    # A gate: computed from other channels, or from these behind something that does not pass them on. One channel
    # might be the gate itself.
    if node.op_type == "Mul" and len(inputs) == 1 < len(inputs[0]) and not any(name in values for name in node.input):
        return inputs[0]
    return None


def _end(clip: onnx.NodeProto, values: Mapping[str, Any]) -> float | None:
    """Return where a Clip ends that starts at 0; None for others."""
    ends = [float(values[name]) for name in clip.input[1:] if name in values]
    return ends[1] if len(ends) == 2 and ends[0] == 0 < ends[1] < math.inf else None


def _axis(node: onnx.NodeProto) -> int:
    return int(next(each.i for each in node.attribute if each.name == "axis"))


def _over_places(mean: onnx.NodeProto, values: Mapping[str, Any]) -> bool:
    """Whether a mean is one of height and width, whose axes newer graphs give as a constant."""
    axes = next((list(each.ints) for each in mean.attribute if each.name == "axes"), None)
    if axes is None and len(mean.input) > 1 and mean.input[1] in values:
        axes = values[mean.input[1]].tolist()
    kept = next((each.i for each in mean.attribute if each.name == "keepdims"), 1)
    return axes is not None and {axis % 4 for axis in axes} == {2, 3} and kept == 1


def _together(count: int, links: list[tuple[Any, Any]]) -> Ids:
    """Return for each of ``count`` numbers the smallest that it is linked to, also over others."""
    smallest = np.arange(count)
    if not links:
        return smallest
    left, right = np.array(links, np.intp).T
    while True:
        before = smallest.copy()
        least = np.minimum(smallest[left], smallest[right])
        np.minimum.at(smallest, left, least)
        np.minimum.at(smallest, right, least)
        smallest = smallest[smallest]
        if np.array_equal(before, smallest):
            return smallest
