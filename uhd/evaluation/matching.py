"""Pair detections with ground truth, best score first, for a whole data set at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import area_xyxy, intersection_matrix, iou_matrix
from uhd.objects import Objects

Boxes = NDArray[np.float32]
# Boxes, scores and class ids of one image, sorted by descending score.
Found = tuple[Boxes, NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Matches:
    """Detections (K,) of all images against all truths (G,), at several IoU thresholds (T,).

    Attributes:
        scores: (K,) image after image.
        class_ids: (K,).
        heights: (K,) normalised box heights.
        images: (K,) index of the image.
        matched: (T, K) index of the truth each detection found at each threshold, -1 for none.
        ignorable: (K,) detections that lie in an ignore region: they do not count unless they found a truth.
        truth_class_ids: (G,).
        truth_heights: (G,) normalised.
    """

    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    heights: NDArray[np.float32]
    images: NDArray[np.int64]
    matched: NDArray[np.int64]
    ignorable: NDArray[np.bool_]
    truth_class_ids: NDArray[np.int64]
    truth_heights: NDArray[np.float32]

    def by_score(self) -> Matches:
        """Return the same with the best detection first; equal scores keep their order."""
        order = np.argsort(-self.scores, kind="stable")
        return replace(
            self,
            scores=self.scores[order],
            class_ids=self.class_ids[order],
            heights=self.heights[order],
            images=self.images[order],
            matched=self.matched[:, order],
            ignorable=self.ignorable[order],
        )


def in_ignore(boxes: Boxes, ignore: Boxes) -> NDArray[np.bool_]:
    """Return (K,): at least half of the box's own area lies in one ignore region."""
    if not len(ignore) or not len(boxes):
        return np.zeros(len(boxes), bool)
    share = intersection_matrix(boxes, ignore) / np.maximum(area_xyxy(boxes), 1e-12)[:, None]
    return np.asarray(share.max(1) >= 0.5)


def match(
    found: Sequence[Found],
    truths: Sequence[Objects],
    thresholds: NDArray[np.float64],
    similarity: Iterable[NDArray[np.float32]] | None = None,
) -> Matches:
    """Match greedily: each detection, best first, takes the free truth of its class that it is most like.

    Args:
        found: per image boxes (K, 4) ``xyxy``, scores (K,) and class ids (K,), by descending score.
        truths: per image what is in it; ignored objects excuse detections in them.
        thresholds: (T,) least similarity of a match.
        similarity: per image (K, N) of detections and the objects to be found, 0 to 1; None takes the IoU of boxes. See
            :mod:`uhd.evaluation.similarity` for keypoints and masks.
    """
    pair_d, pair_g, pair_like, ignorable = [], [], [], []
    first_d = first_g = 0
    likes = repeat(None) if similarity is None else similarity
    for (boxes, _, class_ids), truth, like in zip(found, truths, likes, strict=similarity is not None):
        ignorable.append(in_ignore(boxes, truth.regions))
        if len(boxes) and truth.count:
            matrix = iou_matrix(boxes, truth.boxes[: truth.count], eps=1e-12) if like is None else like
            near = (matrix >= thresholds.min()) & (class_ids[:, None] == truth.labels[None, : truth.count])
            d, g = near.nonzero()
            pair_d.append(d + first_d)
            pair_g.append(g + first_g)
            pair_like.append(matrix[d, g])
        first_d, first_g = first_d + len(boxes), first_g + truth.count
    scores = _floats([scores for _, scores, _ in found])
    boxes = _floats([boxes for boxes, _, _ in found], 4)
    truth_boxes = _floats([truth.boxes[: truth.count] for truth in truths], 4)
    matched = greedy_match(_integers(pair_d), _integers(pair_g), _floats(pair_like), scores, first_g, thresholds)
    return Matches(
        scores=scores,
        class_ids=_integers([class_ids for _, _, class_ids in found]),
        heights=boxes[:, 3] - boxes[:, 1],
        images=np.repeat(np.arange(len(found)), [len(scores) for _, scores, _ in found]),
        matched=matched,
        ignorable=np.concatenate([np.zeros(0, bool), *ignorable]),
        truth_class_ids=_integers([truth.labels[: truth.count] for truth in truths]),
        truth_heights=truth_boxes[:, 3] - truth_boxes[:, 1],
    )


def greedy_match(
    d: NDArray[np.int64],
    g: NDArray[np.int64],
    iou: NDArray[np.float32],
    scores: NDArray[np.float32],
    truths: int,
    thresholds: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return (T, K) the truth that each detection takes when they choose in the order of their scores, or -1.

    Letting the best choose first gives the one stable pairing of "detections prefer overlap, truths prefer score", so
    it is found by deferred acceptance (Gale and Shapley, 1962), where all detections propose at once.

    Args:
        d, g, iou: (P,) candidate pairs: detection, truth, overlap.
        scores: (K,) of the detections; equal scores choose in the given order.
        truths: number of truths.
        thresholds: (T,).
    """
    count = len(scores)
    rank = np.empty(count, np.int64)
    rank[np.argsort(-scores, kind="stable")] = np.arange(count)
    t, pair = (iou[None, :] >= thresholds[:, None]).nonzero()
    # A detection at one threshold is a player of its own.
    player, prize, overlap, order = d[pair] + t * count, g[pair] + t * truths, iou[pair], rank[d[pair]]
    by_taste = np.lexsort((prize, -overlap, player))
    player, prize, order = player[by_taste], prize[by_taste], order[by_taste]
    best = np.full(len(thresholds) * truths, count, np.int64)
    while True:
        proposes = np.ones(len(player), bool)
        proposes[1:] = player[1:] != player[:-1]
        np.minimum.at(best, prize[proposes], order[proposes])
        hopeful = order <= best[prize]
        if hopeful.all():
            break
        player, prize, order = player[hopeful], prize[hopeful], order[hopeful]
    matched = np.full(len(thresholds) * count, -1, np.int64)
    matched[player[proposes]] = prize[proposes] % max(truths, 1)
    return matched.reshape(len(thresholds), count)


def _floats(parts: Sequence[NDArray[np.float32]], *columns: int) -> NDArray[np.float32]:
    return np.concatenate([np.zeros((0, *columns), np.float32), *parts])


def _integers(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])
