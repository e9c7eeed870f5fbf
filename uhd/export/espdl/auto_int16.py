"""Find the layers that gain most from 16 bits.

Greedy: in each round the layer is taken that, together with those already chosen, brings the predictions closest to
the float model's. Closeness is measured on the calibration images, where no labels are needed: a prediction with float
score s and box b, quantised s' and b', disagrees by ``|s - s'| + max(s, s') * (1 - IoU(b, b'))``; the disagreement is
the mean over images of the sum over predictions. Cells that neither version scores hardly count, as in AP. Peaks of a
heat map, of which there may be more or fewer, are paired by their overlap.

The outputs that firmware reads are one candidate and stay of one width: it reads all with the type of ``box``.

Candidates are compared by exchanging the settings of a graph calibrated in 8 bits for those of one calibrated in 16,
not by quantising anew each time; the model that is written is quantised as a whole.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix
from uhd.runtime.predictor import Prediction, Predictor
from uhd.runtime.raw_output import PARTS

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """One round.

    Attributes:
        layer: the convolution taken, or the several that end in the outputs.
        nodes: it and the activation fused with it.
        disagreement: of the predictions after this round.
    """

    layer: str
    nodes: tuple[str, ...]
    disagreement: float


@dataclass(frozen=True)
class Search:
    """Result of the search.

    Attributes:
        before: disagreement with every layer in 8 bits.
        every: disagreement with every convolution in 16 bits.
        steps: in the order taken.
        tried: evaluations made.
    """

    before: float
    every: float
    steps: tuple[Step, ...]
    tried: int

    @property
    def nodes(self) -> frozenset[str]:
        """Every node to compute in 16 bits."""
        return frozenset(name for step in self.steps for name in step.nodes)

    def to_text(self) -> str:
        """Return a table."""
        width = max([len(step.layer) for step in self.steps] + [len("every convolution in 16 bits")])
        lines = [f"{'layers in 16 bits, best first':<{width}}  disagreement with float ({self.tried} tried)"]
        lines.append(f"{'none':<{width}}  {self.before:.4f}")
        lines += [f"{step.layer:<{width}}  {step.disagreement:.4f}" for step in self.steps]
        lines.append(f"{'every convolution in 16 bits':<{width}}  {self.every:.4f}")
        return "\n".join(lines)


def search_layers(
    units: Mapping[str, tuple[str, ...]], measure: Callable[[frozenset[str]], float], count: int
) -> Search:
    """Choose layers greedily.

    A layer's gain is measured anew only when it stands first (lazy greedy): as more is in 16 bits, the gain of another
    layer shrinks far more often than it grows, so most of the earlier figures still rule layers out.

    Args:
        units: layer -> its nodes.
        measure: disagreement when these nodes are in 16 bits.
        count: most layers; fewer are taken when none helps any more.
    """
    chosen: frozenset[str] = frozenset()
    before = now = measure(chosen)
    every = measure(frozenset(name for nodes in units.values() for name in nodes))
    tried = 2 + len(units)
    # (negative gain, layer, round in which it was measured)
    queue = [(measure(frozenset(nodes)) - before, layer, 0) for layer, nodes in units.items()]
    heapq.heapify(queue)
    steps: list[Step] = []
    while queue and len(steps) < count:
        gain, layer, measured = heapq.heappop(queue)
        if measured < len(steps):
            tried += 1
            gain = measure(chosen | set(units[layer])) - now
            heapq.heappush(queue, (gain, layer, len(steps)))
            continue
        if gain >= 0:
            break
        chosen, now = chosen | set(units[layer]), now + gain
        steps.append(Step(layer, units[layer], now))
    return Search(before, every, tuple(steps), tried)


def disagreement(reference: Sequence[Prediction], found: Sequence[Prediction]) -> float:
    """Return the disagreement of predictions with those of the float model; see the top of this file."""
    # A head that answers at every cell has as many predictions for every image; peaks of a heat map come and go.
    at_cells = len({len(boxes) for boxes, _ in (*reference, *found)}) == 1
    total = 0.0
    for (boxes, scores), (other_boxes, other_scores) in zip(reference, found, strict=True):
        s, t = scores.max(1), other_scores.max(1)
        if not at_cells:
            mine, other = _pairs(boxes, other_boxes)
            # One without a partner disagrees with a score of 0.
            total += 2 * float(np.delete(s, mine).sum() + np.delete(t, other).sum())
            boxes, s, other_boxes, t = boxes[mine], s[mine], other_boxes[other], t[other]
        total += float((np.abs(s - t) + np.maximum(s, t) * (1 - _paired_iou(boxes, other_boxes))).sum())
    return total / max(1, len(reference))


def _pairs(a: Array, b: Array) -> tuple[list[int], list[int]]:
    """Return which boxes belong together, those that overlap most first."""
    if not len(a) or not len(b):
        return [], []
    overlap = iou_matrix(a, b)
    mine: list[int] = []
    other: list[int] = []
    for flat in np.argsort(-overlap, axis=None, kind="stable"):
        i, j = divmod(int(flat), len(b))
        if overlap[i, j] <= 0:
            break
        if i not in mine and j not in other:
            mine.append(i)
            other.append(j)
    return mine, other


def _paired_iou(a: Array, b: Array) -> Array:
    inner = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - inner
    return np.asarray(inner / np.maximum(union, 1e-12), np.float32)


def layer_units(graph: Any) -> dict[str, tuple[str, ...]]:
    """Return every quantised convolution with the activation that is fused with it."""
    units: dict[str, tuple[str, ...]] = {}
    for name, operation in graph.operations.items():
        if operation.type != "Conv" or not hasattr(operation, "config"):
            continue
        after = graph.get_downstream_operations(operation)
        fused = [each.name for each in after if len(after) == 1 and each.type in {"Relu", "Clip"}]
        units[name] = (name, *fused)
    return units


def tie_outputs(units: Mapping[str, tuple[str, ...]], graph: Any) -> dict[str, tuple[str, ...]]:
    """Return the units with those that make ``box``, ``obj``, ``quality`` and ``cls`` as one, named after all of them.

    Args:
        units: layer -> its nodes.
        graph: of esp-ppq.
    """
    tied: dict[str, tuple[str, ...]] = {}
    joins: list[str] = []
    ahead = [graph.outputs[name].source_op for name in PARTS if name in graph.outputs]
    while ahead:
        operation = ahead.pop(0)
        if operation is None:
            continue
        if operation.name in units:
            tied[operation.name] = units[operation.name]
        elif operation.type != "Conv":
            # A convolution that was cut into parts ends in a join, which is of their width.
            joins += [operation.name] if operation.type == "Concat" and operation.name not in joins else []
            ahead += [variable.source_op for variable in operation.inputs]
    if len(tied) < 2:
        return dict(units)
    rest = {layer: nodes for layer, nodes in units.items() if layer not in tied}
    return {" + ".join(tied): (*(name for nodes in tied.values() for name in nodes), *joins), **rest}


class Mixer:
    """Measures mixtures of a graph in 8 bits and the same graph in 16.

    Args:
        low, high: esp-ppq's graphs of the same model; ``low`` is changed and restored.
        predictor: of ``low``.
        images: (n, C, h, w).
        reference: predictions of the float model on them.
    """

    def __init__(
        self, low: Any, high: Any, predictor: Predictor, images: Array, reference: Sequence[Prediction]
    ) -> None:
        self.low, self.high, self.predictor = low, high, predictor
        self.images, self.reference = images, reference
        quantised = {name: op for name, op in low.operations.items() if hasattr(op, "config")}
        self._before = {
            name: (list(op.config.input_quantization_config), list(op.config.output_quantization_config))
            for name, op in quantised.items()
        }

    def __call__(self, nodes: frozenset[str]) -> float:
        """Return the disagreement with these nodes in 16 bits."""
        self._mix(nodes)
        try:
            return disagreement(self.reference, self.predictor.infer(self.images))
        finally:
            for name, (inputs, outputs) in self._before.items():
                config = self.low.operations[name].config
                config.input_quantization_config[:] = inputs
                config.output_quantization_config[:] = outputs

    def _mix(self, nodes: frozenset[str]) -> None:
        for name in self._before:
            operation = self.low.operations[name]
            own = (self.high if name in nodes else self.low).operations[name].config
            inputs = list(own.input_quantization_config)
            for i, variable in enumerate(operation.inputs):
                source = variable.source_op
                if source is not None and (source.name in nodes) != (name in nodes):
                    inputs[i] = _activated(inputs[i])
            operation.config.input_quantization_config[:] = inputs
            operation.config.output_quantization_config[:] = own.output_quantization_config


def _activated(config: Any) -> Any:
    """Return settings that round a tensor which the node before left at another width."""
    from esp_ppq.core import QuantizationStates, TensorQuantizationConfig

    if config.state != QuantizationStates.OVERLAPPED:
        return config
    return TensorQuantizationConfig(
        policy=config.policy,
        rounding=config.rounding,
        num_of_bits=config.num_of_bits,
        quant_min=config.quant_min,
        quant_max=config.quant_max,
        scale=config.scale.clone(),
        offset=config.offset.clone(),
        channel_axis=config.channel_axis,
        state=QuantizationStates.ACTIVATED,
    )
