"""Which boxes are seen through windows, and how much of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uhd.augment.warp import warp_boxes

if TYPE_CHECKING:  # a view renders its own boxes with this module
    from uhd.augment.view import View

Window = tuple[float, float, float, float]
WHOLE: Window = (0.0, 0.0, 1.0, 1.0)
SMALLEST = 1e-6  # a thinner sliver, in output sides, is not seen at all

Regions = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]


def visible(parts: Sequence[tuple[View, Window]]) -> Regions:
    """Return what the views show of their boxes, all views together.

    A box keeps its label while at least ``min_visibility`` of its area is shown; one that shows less is neither a
    person to be found nor background, and becomes an ignore region.

    Args:
        parts: each view with its place in the output: left, top, right, bottom, 0 to 1.

    Returns:
        (N, 4) float32 ``xyxy`` boxes normalised to the output and clipped to their place, (N,) int64 labels and
        (M, 4) float32 ignore regions.
    """
    sources: list[NDArray[Any]] = []
    labels: list[NDArray[np.int64]] = []
    rows: list[tuple[float, ...]] = []
    counts: list[int] = []
    tight: list[tuple[int, NDArray[np.float64]]] = []
    for view, (left, top, right, bottom) in parts:
        sample = view.sample
        height, width = sample.image.shape[:2]
        x0, y0, x1, y1 = view.window
        sx, sy = (right - left) / (x1 - x0), (bottom - top) / (y1 - y0)
        ox, oy = left - sx * x0, top - sy * y0
        if view.mirror_x:
            sx, ox = -sx, left + right - ox
        if view.mirror_y:
            sy, oy = -sy, top + bottom - oy
        place = (sx * width, sy * height, ox, oy, left, top, right, bottom)
        if view.warp is not None:
            place = (right - left, bottom - top, left, top, left, top, right, bottom)
        for seen_boxes, names, enough, rule in (
            (sample.boxes, view.labels, view.min_visibility, view.box_rule),
            (sample.ignore, None, np.inf, "corners"),  # never enough to be a box; all of the region is ignored
        ):
            boxes: NDArray[Any] = seen_boxes
            if not len(boxes):
                continue
            if view.warp is not None:
                boxes, shown_part = warp_boxes(_in_window(view, boxes), view.warp, rule)
                tight.append((sum(counts), shown_part * (place[:2] * 2) + place[2:4] * 2))
            sources.append(boxes)
            labels.append(np.full(len(boxes), -1, np.int64) if names is None else names)
            rows.append((*place, enough))
            counts.append(len(boxes))
    if not rows:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
    if len(rows) == 1:
        source, label, table = sources[0], labels[0], np.array(rows)
    else:
        source, label, table = np.concatenate(sources), np.concatenate(labels), np.repeat(rows, counts, axis=0)
    a = source[:, :2] * table[:, :2] + table[:, 2:4]
    b = source[:, 2:] * table[:, :2] + table[:, 2:4]
    low, high = np.minimum(a, b), np.maximum(a, b)
    shown = np.empty((len(source), 4), np.float32)
    seen_low, seen_high = np.maximum(low, table[:, 4:6]), np.minimum(high, table[:, 6:8])
    for start, part in tight:
        seen_low[start : start + len(part)] = part[:, :2]
        seen_high[start : start + len(part)] = part[:, 2:]
    shown[:, :2], shown[:, 2:] = seen_low, seen_high
    seen = seen_high - seen_low
    full = high - low
    some = (seen[:, 0] > SMALLEST) & (seen[:, 1] > SMALLEST)
    # The tolerance keeps a box that is shown whole when min_visibility is 1.
    enough = seen[:, 0] * seen[:, 1] >= (table[:, 8] - 1e-6) * (full[:, 0] * full[:, 1])
    keep = some & enough
    return shown[keep], label[keep], shown[some & ~enough]


def _in_window(view: View, boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return boxes (N, 4) of the source in the frame of the view's window, 0 to 1 inside it."""
    height, width = view.sample.image.shape[:2]
    x0, y0, x1, y1 = view.window
    x = (boxes[:, 0::2].astype(np.float64) * width - x0) / (x1 - x0)
    y = (boxes[:, 1::2].astype(np.float64) * height - y0) / (y1 - y0)
    if view.mirror_x:
        x = 1 - x[:, ::-1]
    if view.mirror_y:
        y = 1 - y[:, ::-1]
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], 1)
