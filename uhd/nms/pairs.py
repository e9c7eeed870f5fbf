"""Which of very many boxes can be duplicates at all: pairs found by sorting instead of a table of all with all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]
Run = tuple[Index, Index]
# Pairs looked at in one go: their intermediate values stay in the processor's cache.
_MOST_PAIRS = 1 << 17
# Up to so many boxes one sweep along x is quicker than strips.
_SWEEP = 700
# What rounding may add to the bounds below, of which pairs are only candidates.
_SLACK = 1.001


def duplicate_pairs(
    boxes: NDArray[np.float32], iou: float, class_ids: NDArray[np.int64] | None = None
) -> tuple[Index, Index]:
    """Return the pairs (a, b) of boxes of one class that are duplicates, a < b, by ascending a; see :mod:`.overlap`.

    Args:
        boxes: (N, 4) ``xyxy``, any unit.
        iou: above 0, at most 1.
        class_ids: (N,), or None where all are of one class.
    """
    if len(boxes) < 2:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    x1, y1, x2, y2 = boxes.T
    with np.errstate(invalid="ignore", over="ignore"):
        area = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)
    # Boxes without area overlap nothing; nor do those that are not numbers.
    if not (area.min() > 0 and area.max() < np.inf):
        solid = np.flatnonzero((area > 0) & (area < np.inf))
        found = duplicate_pairs(boxes[solid], iou, None if class_ids is None else class_ids[solid])
        return solid[found[0]], solid[found[1]]
    order, runs = (_sweep if len(boxes) <= _SWEEP else _strips)(boxes, iou, class_ids)
    # In the order of the sort every run is read from front to back.
    x1, y1, x2, y2, area = (side.take(order) for side in (x1, y1, x2, y2, area))
    kinds = None if class_ids is None else class_ids[order]
    share, least = np.float32(iou), (y2 - y1) * np.float32(iou / _SLACK)
    pairs = []
    for some, counts, b in _portions(runs):
        # Values of the first box are repeated, which is quicker than picking them one by one.
        high = y2.take(b)
        np.minimum(high, y2[some].repeat(counts), out=high)
        high -= np.maximum(y1.take(b), y1[some].repeat(counts))
        near = (high >= least[some].repeat(counts)).nonzero()[0]
        a = np.arange(some.start, some.stop).repeat(counts).take(near)
        b, overlap = b.take(near), high.take(near)
        width = np.minimum(x2.take(a), x2.take(b))
        width -= np.maximum(x1.take(a), x1.take(b))
        overlap *= width
        union = area.take(a) + area.take(b)
        union -= overlap
        union *= share
        same = (overlap >= union) & (overlap > 0)
        if kinds is not None:
            same &= kinds[a] == kinds[b]
        hit = same.nonzero()[0]
        pairs.append((order.take(a.take(hit)), order.take(b.take(hit))))
    if not pairs:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    a, b = pairs[0] if len(pairs) == 1 else (np.concatenate(side) for side in zip(*pairs, strict=True))
    better, worse = np.minimum(a, b), np.maximum(a, b)
    # Numbers of 16 bits are sorted by counting, several times faster.
    order = (better.astype(np.uint16) if len(boxes) <= 1 << 16 else better).argsort(kind="stable")
    return better.take(order), worse.take(order)


def _sweep(boxes: NDArray[np.float32], iou: float, _class_ids: NDArray[np.int64] | None) -> tuple[Index, list[Run]]:
    """Return an order of the boxes and, for each in it, runs of places in it where its partners are.

    Every pair that can reach the IoU comes once, and so do others: all whose left edges lie near each other.

    The overlap of two such boxes is at least t of the wider one's width, so the right one begins at most 1 - t of the
    left one's width behind it.
    """
    order = np.argsort(boxes[:, 0])
    left = boxes[:, 0].take(order).astype(np.float64)
    reach = boxes[:, 2].take(order) - left
    reach *= max(1 - iou, 0.0) * _SLACK + 1e-6
    reach += left
    return order, [(np.arange(1, len(order) + 1), left.searchsorted(reach, "right"))]


def _strips(boxes: NDArray[np.float32], iou: float, class_ids: NDArray[np.int64] | None) -> tuple[Index, list[Run]]:
    """Return an order of the boxes and, for each in it, runs of places in it where its partners are.

    Every pair that can reach the IoU comes once, and so do some others.

    Two boxes of IoU t share at least t of the larger height, so their heights differ by 1 / t at most and their
    centres by 1 - t of the larger height; the same holds of widths. Boxes are put on levels by height, 1 / t apart,
    and every level is cut into strips as high as centres can be apart. Sorted by strip and x, the partners of a box
    are a short run of neighbours in its own strip, the one below, and three strips of the next level.
    """
    size = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64)
    centre = (boxes[:, 2:].astype(np.float64) + boxes[:, :2]) / 2
    ratio, apart = _SLACK / iou, max(1 - iou, 0.01) * _SLACK
    level = np.floor(np.log(size[:, 1]) / np.log(ratio)).astype(np.int64)
    level -= (lowest := int(level.min()))
    high = apart * ratio ** (np.arange(level.max() + 2) + lowest + 1)
    strip = np.floor(centre[:, 1] / high[level])
    above = np.floor(centre[:, 1] / high[level + 1])
    # Strips of a level are numbered apart from those of the others and of other classes.
    groups = level if class_ids is None else np.unique(class_ids, return_inverse=True)[1] * (level.max() + 2) + level
    spread = float(strip.max() - strip.min()) + 8, float(min(strip.min(), above.min()))
    reach = size[:, 0] * max(apart, (1 - iou) / (2 * iou) * _SLACK)
    left, extent = float((centre[:, 0] - reach).min()), float(np.ptp(centre[:, 0]) + 4 * reach.max())

    def key(group: NDArray[np.int64], strips: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        return (group * spread[0] + (strips - spread[1] + 2)) * extent + (x - left)

    place = key(groups, strip, centre[:, 0])
    order = np.argsort(place, kind="stable")
    ordered = place[order]
    runs = [(np.arange(1, len(order) + 1), np.searchsorted(ordered, ordered + reach[order], "right"))]
    for group, strips in ((groups, strip + 1), *((groups + 1, above + step) for step in (-1, 0, 1))):
        at = key(group, strips, centre[:, 0])[order]
        runs.append((np.searchsorted(ordered, at - reach[order]), np.searchsorted(ordered, at + reach[order], "right")))
    return order, runs


def _portions(runs: Sequence[Run]) -> Iterator[tuple[slice, Index, Index]]:
    """Yield some boxes, how many partners each has, and these partners one after the other, a portion at a time."""
    for start, end in runs:
        counts = np.maximum(end - start, 0)
        total = counts.cumsum()
        done = 0
        while done < len(counts):
            before = int(total[done - 1]) if done else 0
            until = max(done + 1, int(total.searchsorted(before + _MOST_PAIRS, "right")))
            some, number = slice(done, until), counts[done:until]
            partner = (start[some] - (total[some] - number - before)).repeat(number)
            partner += np.arange(len(partner))
            yield some, number, partner
            done = until
