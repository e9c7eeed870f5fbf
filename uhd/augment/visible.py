"""What is seen through windows of the objects behind them: which, how much of each, and where it lands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from uhd.augment.warp import Matrix, compose, inverse, warp_boxes
from uhd.objects import Objects, Outline
from uhd.outlines import clip_outline, move_outline, outline_bounds
from uhd.sample import Sample

Window = tuple[float, float, float, float]
WHOLE: Window = (0.0, 0.0, 1.0, 1.0)
SMALLEST = 1e-6  # a thinner sliver, in output sides, is not seen at all


class Seen(Protocol):
    """A view, as far as it says where its objects land; see :class:`uhd.augment.view.View`, which stands on this file.

    Attributes:
        window: left, top, right, bottom in pixels of the source.
    """

    @property
    def sample(self) -> Sample: ...
    @property
    def window(self) -> Window: ...
    @property
    def objects(self) -> Objects: ...
    @property
    def mirror_x(self) -> bool: ...
    @property
    def mirror_y(self) -> bool: ...
    @property
    def min_visibility(self) -> float: ...
    @property
    def warp(self) -> Matrix | None: ...
    @property
    def box_rule(self) -> str: ...


@dataclass(frozen=True, eq=False, slots=True)
class Shown:
    """Where everything that is seen comes from: R rows, those to be found first.

    Attributes:
        index: (R,) row in the objects of all views put one behind the other.
        starts: P places, where the objects of each view begin there.
        boxes: (R, 4) float32 ``xyxy``, normalised to the output and clipped to the view's place.
        ignored: (R,) bool, counts neither for nor against: ignored already, or too little is shown.
    """

    index: NDArray[np.int64]
    starts: list[int]
    boxes: NDArray[np.float32]
    ignored: NDArray[np.bool_]

    @property
    def part(self) -> NDArray[np.int64]:
        """(R,) which view."""
        return np.searchsorted(self.starts, self.index, side="right") - 1

    @property
    def row(self) -> NDArray[np.int64]:
        """(R,) which row of that view's objects."""
        return np.asarray(self.index - np.array(self.starts)[self.part])


def objects_in(parts: Sequence[tuple[Seen, Window]]) -> Objects:
    """Return the objects that the views show, all views together, normalised to the output.

    Args:
        parts: each view with its place in the output: left, top, right, bottom, 0 to 1.
    """
    shown = visible(parts)
    if all(view.objects.is_plain for view, _ in parts):
        labels = [view.objects.labels for view, _ in parts]
        together = labels[0] if len(labels) == 1 else np.concatenate(labels)
        return Objects(shown.boxes, together[shown.index], shown.ignored)
    part, row = shown.part, shown.row
    found = []
    for number, (view, place) in enumerate(parts):
        mine = part == number
        found.append(carry(view, place, row[mine], shown.boxes[mine], shown.ignored[mine]))
    return Objects.concat(found)


def carry(
    view: Seen, place: Window, rows: NDArray[np.int64], boxes: NDArray[np.float32], ignored: NDArray[np.bool_]
) -> Objects:
    """Return rows of a view's objects in the frame of the output: boxes are given, all else follows the pixels.

    A keypoint beyond the place is not in the picture (visibility 0). A turned object whose outline is known gets the
    bounds of it: they are exact, those of a turned box are not.

    Args:
        view: what is shown.
        place: where, in the output.
        rows: (R,) of the view's objects.
        boxes: (R, 4) in the output.
        ignored: (R,).
    """
    objects = view.objects
    if objects.is_plain:
        return objects.take(rows, boxes, ignored)
    matrix = frame(view, place)
    keypoints: NDArray[np.float32] | None = None
    if objects.keypoints is not None:
        keypoints = objects.keypoints[rows]  # a copy
        keypoints[..., :2] = keypoints[..., :2] @ matrix[:, :2].T + matrix[:, 2]
        x, y = keypoints[..., 0], keypoints[..., 1]
        keypoints[..., 2] *= (x >= place[0]) & (x <= place[2]) & (y >= place[1]) & (y <= place[3])
    masks: tuple[Outline, ...] | None = None
    if objects.masks is not None:
        masks = tuple(clip_outline(move_outline(objects.masks[row], matrix), place) for row in rows.tolist())
        if view.warp is not None:
            known = [i for i, mask in enumerate(masks) if mask]
            boxes = boxes.copy()
            boxes[known] = np.reshape([outline_bounds(masks[i]) for i in known], (-1, 4))
    return objects.take(rows, boxes, ignored, keypoints, masks)


def frame(view: Seen, place: Window) -> Matrix:
    """Return the (2, 3) map from the view's source, normalised, to the output, normalised."""
    sx, sy, ox, oy = _place(view, place)
    plain = np.array([[sx, 0.0, ox], [0.0, sy, oy]])
    if view.warp is None:
        return plain
    sx, sy, ox, oy = _place(view, WHOLE)
    window = np.array([[sx, 0.0, ox], [0.0, sy, oy]])
    left, top, right, bottom = place
    output = np.array([[right - left, 0.0, left], [0.0, bottom - top, top]])
    return compose(output, compose(inverse(view.warp), window))


def visible(parts: Sequence[tuple[Seen, Window]]) -> Shown:
    """Return what the views show of their boxes, all views together.

    A box is to be found while at least ``min_visibility`` of its area is shown; one that shows less is neither a
    person to be found nor background, and is ignored. Views without a warp are the common case: their boxes move by one
    product and one sum, the same table for all of them.

    Args:
        parts: each view with its place in the output: left, top, right, bottom, 0 to 1.
    """
    sources: list[NDArray[Any]] = []
    rows: list[tuple[float, ...]] = []
    counts: list[int] = []
    starts: list[int] = []
    tight: list[tuple[int, NDArray[np.float64]]] = []
    total = 0
    for view, place in parts:
        starts.append(total)
        objects = view.objects
        size, count = len(objects.boxes), objects.count
        if not size:
            continue
        boxes: NDArray[Any] = objects.boxes
        scale = _place(view, place)
        if view.warp is not None:
            left, top, right, bottom = place
            scale = (right - left, bottom - top, left, top)
            boxes, shown_part = _warped(view, objects)
            tight.append((total, shown_part * (scale[:2] * 2) + np.array(scale[2:] * 2)))
        sources.append(boxes)
        if count:
            rows.append((*scale, *place, view.min_visibility))
            counts.append(count)
        if count < size:  # never enough to be a box: an ignored region stays one, and all of it counts
            rows.append((*scale, *place, np.inf))
            counts.append(size - count)
        total += size
    if not rows:
        return Shown(np.zeros(0, np.int64), starts, np.zeros((0, 4), np.float32), np.zeros(0, bool))
    source = sources[0] if len(sources) == 1 else np.concatenate(sources)
    table = np.array(rows)
    if len(rows) > 1:
        table = table.repeat(counts, axis=0)
    return _clip(source, table, tight, starts)


def _clip(
    source: NDArray[Any], table: NDArray[np.float64], tight: list[tuple[int, NDArray[np.float64]]],
    starts: list[int],
) -> Shown:  # fmt: skip
    """Return what is seen of boxes (N, 4).

    Args:
        source: boxes of all parts.
        table: (N or 1, 9) scale and offset (x, y), the place, the share that must be shown.
        tight: where boxes of warped views begin, and the bounds (n, 4) of what is shown of each.
        starts: where the rows of each part begin.
    """
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
    kept = keep.nonzero()[0]
    if len(kept) == len(source):
        return Shown(kept, starts, shown, np.zeros(len(kept), bool))
    lost = (some ^ keep).nonzero()[0]
    if not len(lost):
        return Shown(kept, starts, shown[kept], np.zeros(len(kept), bool))
    index = np.concatenate([kept, lost])
    return Shown(index, starts, shown[index], np.arange(len(index)) >= len(kept))


def _place(view: Seen, place: Window) -> tuple[float, float, float, float]:
    """Return scale (x, y) and offset (x, y) from the normalised source of a view without its warp to the output."""
    height, width = view.sample.image.shape[:2]
    left, top, right, bottom = place
    x0, y0, x1, y1 = view.window
    sx, sy = (right - left) / (x1 - x0), (bottom - top) / (y1 - y0)
    ox, oy = left - sx * x0, top - sy * y0
    if view.mirror_x:
        sx, ox = -sx, left + right - ox
    if view.mirror_y:
        sy, oy = -sy, top + bottom - oy
    return sx * width, sy * height, ox, oy


def _warped(view: Seen, objects: Objects) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds (N, 4) of turned boxes and of what is shown of them, in the frame of the view's output."""
    assert view.warp is not None
    boxes = _in_window(view, objects.boxes)
    full, shown = warp_boxes(boxes[: objects.count], view.warp, view.box_rule)
    if objects.count == len(objects):
        return full, shown
    regions, seen = warp_boxes(boxes[objects.count :], view.warp, "corners")  # all of a region is ignored
    return np.concatenate([full, regions]), np.concatenate([shown, seen])


def _in_window(view: Seen, boxes: NDArray[np.float32]) -> NDArray[np.float64]:
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
