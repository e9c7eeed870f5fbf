"""Which predictions learn which person, as dense tables of static shape: M people by N predictions of an image.

The same rules as in :mod:`uhd.assigners`, where the papers are named. There lists of claims make them fast; here
nothing depends on how many people there are, so that JAX and TensorFlow compile them once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import ops

from uhd.keras_detector.loss.head import Predictions
from uhd.keras_detector.loss.overlap import EPS, iou_table
from uhd.keras_detector.loss.targets import Targets


@dataclass(frozen=True, eq=False)
class Assignment:
    """Who learns whom; no gradient.

    Attributes:
        claims: (B, M, N) whether a person wants a prediction; a prediction wanted by several is owned by one.
        owner: (B, N) int32, row of the person that owns it; 0 where none.
        positive: (B, N) whether somebody owns it.
        table: (B, M, N) IoU of person and prediction.
        iou: (B, N) IoU with the owner; 0 where none.
    """

    claims: Any
    owner: Any
    positive: Any
    table: Any
    iou: Any


def owners(claims: Any, priority: Any) -> tuple[Any, Any]:
    """Give every prediction to the claim (B, M, N) of highest priority (B, M, N), ties to the first person.

    Returns:
        the person (B, N) int32, and whether there is one (B, N).
    """
    bid = ops.where(claims, priority, -1e30)
    return ops.cast(ops.argmax(bid, axis=1), "int32"), ops.any(claims, axis=1)


def assignment(claims: Any, owner: Any, positive: Any, table: Any) -> Assignment:
    """Write down an assignment."""
    own = ops.take_along_axis(table, owner[:, None], axis=1)[:, 0]
    return Assignment(claims, owner, positive, table, ops.where(positive, own, 0.0))


def is_owned(owner: Any, positive: Any, people: int) -> Any:
    """Return (B, M, N), whether the person owns the prediction; ``owner`` and ``positive`` are (B, N)."""
    return positive[:, None] & (owner[:, None] == ops.arange(people, dtype="int32")[:, None])


def spread(index: Any, flags: Any, count: int) -> Any:
    """Return (B, M, N) from a list of predictions (B, M, K) and which of them are meant (B, M, K)."""
    same = ops.cast(index, "int32")[..., None] == ops.arange(count, dtype="int32")
    return ops.any(same & flags[..., None], axis=-2)


def score_table(scores: Any, targets: Targets) -> Any:
    """Return the score (B, M, N) of every prediction (B, N, classes) for the class of the person."""
    if scores.shape[-1] == 1:
        return ops.transpose(scores, (0, 2, 1))
    return ops.take_along_axis(ops.transpose(scores, (0, 2, 1)), targets.labels[..., None], axis=1)


def near_centre(targets: Targets, predictions: Predictions, radius: float, min_radius_cells: float) -> Any:
    """Return which predictions (B, M, N) lie near the person's centre; see :func:`uhd.assigners.pairs.near_centre`."""
    h, w = predictions.size
    masks = []
    for axis, cells in enumerate((w, h)):
        low, high = targets.boxes[..., axis, None] * cells, targets.boxes[..., axis + 2, None] * cells
        centre = (low + high) / 2
        reach = ops.maximum((high - low) * (radius / 2), min_radius_cells)
        cell = ops.arange(cells, dtype="float32")
        near = ops.abs(cell + 0.5 - centre) <= reach
        holds = cell == ops.clip(ops.floor(centre), 0, cells - 1)
        masks.append(near | (holds & ~ops.any(near, axis=-1, keepdims=True)))
    both = masks[1][..., :, None] & masks[0][..., None, :]
    flat = ops.reshape(both, (-1, int(targets.boxes.shape[1]), h * w))
    return ops.tile(flat, (1, 1, predictions.anchors))


def assign_legacy(predictions: Predictions, targets: Targets) -> Assignment:
    """One prediction per person: the cell of its centre, the anchor of most like shape; the last in a cell owns it."""
    h, w = predictions.size
    boxes = targets.boxes
    size, centre = boxes[..., 2:] - boxes[..., :2], (boxes[..., :2] + boxes[..., 2:]) / 2
    # The bound keeps a centre on the right or lower edge inside the last cell.
    column = ops.cast(ops.clip(centre[..., 0] * w, 0, w - 1e-3), "int32")
    row = ops.cast(ops.clip(centre[..., 1] * h, 0, h - 1e-3), "int32")
    priors = predictions.priors
    shared = ops.prod(ops.minimum(size[:, :, None], priors), -1)
    union = ops.prod(size, -1)[..., None] + ops.prod(priors, -1) - shared
    anchor = ops.cast(ops.argmax(shared / (union + EPS), -1), "int32")
    index = anchor * (h * w) + row * w + column
    claims = spread(index[..., None], targets.people[..., None], predictions.count)
    last = ops.arange(int(boxes.shape[1]), dtype="float32")[:, None]
    return assignment(
        claims, *owners(claims, last + ops.zeros_like(claims, "float32")), iou_table(predictions.boxes, boxes)
    )


def assign_simota(predictions: Predictions, targets: Targets, topk: int) -> Assignment:
    """The predictions that cost a person least (Ge et al., YOLOX, 2021, https://arxiv.org/abs/2107.08430)."""
    far, eps, iou_weight = 1e5, 1e-7, 3.0
    iou = iou_table(predictions.boxes, targets.boxes)
    near = ops.cast(near_centre(targets, predictions, 1.0, 0.75), "float32")
    loss = score_table(-ops.log(ops.maximum(predictions.scores, eps)), targets)
    cost = loss - iou_weight * ops.log(ops.maximum(iou, eps)) + far * (1 - near)
    width = min(topk, predictions.count)
    count = ops.clip(ops.floor(ops.sum(ops.top_k(iou * near, width)[0], -1, keepdims=True)), 1, width)
    least, index = ops.top_k(-cost, width)
    wanted = (ops.arange(width, dtype="float32") < count) & (-least < far) & targets.people[..., None]
    claims = spread(index, wanted, predictions.count)
    owner, positive = owners(claims, -cost)
    return assignment(claims & is_owned(owner, positive, int(claims.shape[1])), owner, positive, iou)


def assign_simota_legacy(predictions: Predictions, targets: Targets, topk: int) -> Assignment:
    """SimOTA as the original computes it: the highest IoUs anywhere, conflicts go to file order."""
    iou = iou_table(predictions.boxes, targets.boxes)
    best, index = ops.top_k(iou, min(topk, predictions.count))
    count = ops.clip(ops.floor(ops.sum(best, -1, keepdims=True)), 1, int(best.shape[-1]))
    wanted = (ops.arange(int(best.shape[-1]), dtype="float32") < count) & targets.people[..., None]
    claims = spread(index, wanted, predictions.count)
    first = -ops.arange(int(claims.shape[1]), dtype="float32")[:, None]
    owner, positive = owners(claims, first + ops.zeros_like(claims, "float32"))
    return assignment(claims & is_owned(owner, positive, int(claims.shape[1])), owner, positive, iou)
