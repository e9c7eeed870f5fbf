"""Task-aligned assignment; the twin of :mod:`uhd.assigners.task_aligned`.

Papers: https://arxiv.org/abs/2108.07755, https://arxiv.org/abs/2107.08430
"""

from __future__ import annotations

from typing import Any

from keras import ops

from uhd.keras_detector.loss.assignment import (
    Assignment,
    assignment,
    is_owned,
    near_centre,
    owners,
    score_table,
    spread,
)
from uhd.keras_detector.loss.head import Predictions
from uhd.keras_detector.loss.overlap import iou_table
from uhd.keras_detector.loss.targets import Targets
from uhd.losses.config import LossConfig

_WIDTH, _ROUNDS = 16, 5


def assign_task_aligned(predictions: Predictions, targets: Targets, config: LossConfig) -> Assignment:
    """Give people the predictions near them that score and fit best, each at least one where that can be."""
    people, n, topk = targets.people[..., None], predictions.count, config.tal_topk
    candidate = near_centre(targets, predictions, config.tal_radius, config.tal_min_radius_cells) & people
    iou = iou_table(predictions.boxes, targets.boxes)
    metric = score_table(predictions.scores ** (config.tal_alpha / config.tal_beta), targets) * iou
    best, index = ops.top_k(ops.where(candidate, metric, -1.0), min(max(_WIDTH, topk), n))
    fits = ops.top_k(ops.where(candidate, iou, 0.0), min(topk, n))[0]
    wanted = ops.clip(ops.round(ops.sum(fits, -1, keepdims=True)), 1, topk)
    usable = best >= 0
    listed = usable & (ops.arange(int(best.shape[-1]), dtype="float32") < wanted)
    claims = spread(index, listed, n)
    owner, positive = owners(claims, iou)
    claims, owner, positive = _rescue(index, listed, usable, iou, claims, owner, positive)
    return assignment(claims, owner, positive, iou)


def _rescue(
    index: Any, listed: Any, usable: Any, iou: Any, claims: Any, owner: Any, positive: Any
) -> tuple[Any, Any, Any]:
    """Let people who lost every claim take the best prediction that is not someone's last good one.

    Args:
        index, listed, usable: (B, M, K), best first: predictions, which are claimed, which may be.
        iou: (B, M, N).
        claims, owner, positive: as for :class:`Assignment`, (B, M, N), (B, N), (B, N).
    """
    m, n = int(claims.shape[1]), int(claims.shape[2])
    rank = ops.arange(int(index.shape[-1]), dtype="int32")

    def first(flags: Any) -> Any:
        return flags & (rank == ops.cast(ops.argmax(ops.cast(flags, "int32"), -1), "int32")[..., None])

    owned = ops.take_along_axis(is_owned(owner, positive, m), index, axis=-1) & listed
    has = ops.any(owned, -1, keepdims=True)
    # A person keeps the best it owns, whatever happens to the rest.
    kept = ops.any(spread(index, first(owned), n), axis=1)
    for _ in range(_ROUNDS):
        taken_here = ops.take_along_axis(ops.repeat(kept[:, None], m, axis=1), index, axis=-1)
        choice = spread(index, first(usable & ~taken_here & ~has), n)
        taker, taken = owners(choice, iou)
        won = choice & is_owned(taker, taken, m)
        owner, positive = ops.where(taken, taker, owner), positive | taken
        kept = kept | taken
        rescued = ops.any(won, -1, keepdims=True)
        claims = ops.where(rescued, won, claims)
        has = has | rescued
    return claims, owner, positive
