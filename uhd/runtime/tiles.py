"""Search a large frame in overlapping tiles, with a fixed budget of network calls per frame.

A person of 20 pixels in a 640x480 frame is 3 pixels tall in a 64x64 view of it; in a tile of a third of the frame it is
8. Tiles always come with a view of the whole frame, which sees the large people that no tile holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import area_xyxy, intersection_matrix
from uhd.detections import Detections
from uhd.errors import UserError
from uhd.heads import select
from uhd.nms.overlap import duplicates
from uhd.runtime.predictor import Prediction, Predictor

Boxes = NDArray[np.float32]
# Of two detections, the part of the smaller that lies in the larger, above which they are one person cut by a seam.
_SEAM_SHARE = 0.7
# A box that ends within this share of a tile's side from a seam may be a part of a person.
_SEAM_MARGIN = 0.03
# Score of a part, so that the piece of a person a tile cut off ranks behind people seen whole.
_PART_SCORE = 0.5
# A box taller than this share of a tile is left to the view of the whole frame, which sees that person complete.
_TALLEST_IN_TILE = 0.7
# An IoU that no two boxes reach: only parts of people fall, and the model's own kind of suppression follows.
_NEVER = 2.0
# Each tile hands on so many boxes: more are never people, and every one costs a comparison with all others.
_MOST_PER_TILE = 50


@dataclass(frozen=True)
class Tiling:
    """How a frame is cut.

    Attributes:
        budget: most network calls per frame.
        overlap: share of a tile's side that it has in common with its neighbour; a person narrower than that is whole
            in at least one of them.
        rows, columns: of the grid, 1 or more; None chooses those that use the budget best for the frame's shape.

    Raises:
        UserError: a value out of range.
    """

    budget: int = 9
    overlap: float = 0.25
    rows: int | None = None
    columns: int | None = None

    def __post_init__(self) -> None:
        if self.budget < 1:
            raise UserError(f"a budget of {self.budget} tiles: at least one call is needed")
        if not 0 <= self.overlap < 1:
            raise UserError(f"an overlap of {self.overlap}: choose 0 to below 1, such as 0.25")
        for name, value in (("rows", self.rows), ("columns", self.columns)):
            if value is not None and value < 1:
                raise UserError(f"{name}={value}: a grid has at least 1; None chooses")


def plan_tiles(image_size: tuple[int, int], tiling: Tiling) -> NDArray[np.int64]:
    """Return the tiles (T, 4) ``xyxy`` in pixels, T <= budget; the first is the whole frame.

    Args:
        image_size: (height, width) of the frame.
        tiling: budget, overlap and what is known of the grid.

    Raises:
        UserError: rows and columns that are given need more than the budget.
    """
    height, width = image_size
    whole = np.array([[0, 0, width, height]], np.int64)
    room = tiling.budget - 1
    rows, columns = _grid(height / max(width, 1), room, tiling.rows, tiling.columns)
    if rows * columns == 1:  # a grid of one tile is the whole frame once more
        return whole
    if rows * columns > room:
        raise UserError(f"{rows} x {columns} tiles and the whole frame are more than a budget of {tiling.budget} calls")
    tops, bottoms = _spans(height, rows, tiling.overlap)
    lefts, rights = _spans(width, columns, tiling.overlap)
    grid = [
        (left, top, right, bottom)
        for top, bottom in zip(tops, bottoms, strict=True)
        for left, right in zip(lefts, rights, strict=True)
    ]
    return np.concatenate([whole, np.array(grid, np.int64)])


class TiledPredictor(Predictor):
    """A predictor that looks at every frame in tiles.

    Args:
        inner: the model.
        tiling: budget and overlap.
    """

    def __init__(self, inner: Predictor, tiling: Tiling) -> None:
        self.inner, self.tiling, self.spec = inner, tiling, inner.spec

    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Run the network on images (B, C, h, w) of its own size, which are not cut; see :meth:`Predictor.infer`."""
        return self.inner.infer(batch)

    def predict(
        self, images: Sequence[NDArray[np.uint8]], conf_thresh: float | None = None, nms_iou: float | None = None
    ) -> list[Detections]:
        """Detect in RGB images (H, W, 3) uint8 of any size, tile by tile; see :meth:`Predictor.predict`."""
        return [self._search(image, conf_thresh, nms_iou) for image in images]

    def _search(self, image: NDArray[np.uint8], conf_thresh: float | None, nms_iou: float | None) -> Detections:
        size = image.shape[0], image.shape[1]
        tiles = plan_tiles(size, self.tiling)
        crops = [image[top:bottom, left:right] for left, top, right, bottom in tiles]
        predictions = self.inner.infer(self.inner.preprocess(crops))
        threshold = self.spec.conf_thresh if conf_thresh is None else conf_thresh
        rule = self.spec.suppression.at(nms_iou)
        boxes, scores, class_ids, part = merge_inputs(predictions, tiles, size, threshold)
        if rule.iou > 0:
            greedy = rule.kind == "greedy"
            kept = suppress_across_seams(boxes, scores, class_ids, part, rule.iou if greedy else _NEVER)
            boxes, scores, class_ids = boxes[kept], scores[kept], class_ids[kept]
            if not greedy:
                boxes, scores, class_ids = rule(boxes, scores, class_ids, threshold)
        limit = np.array([size[1], size[0]] * 2, np.float32)
        return Detections(np.clip(boxes, 0, limit).astype(np.float32), scores, class_ids, size, self.spec.class_names)


def merge_inputs(
    predictions: Sequence[Prediction], tiles: NDArray[np.int64], image_size: tuple[int, int], conf_thresh: float
) -> tuple[Boxes, NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Bring the predictions of all tiles into the frame.

    Args:
        predictions: per tile boxes (N, 4) ``xyxy`` normalised to the tile, and scores (N, classes).
        tiles: (T, 4) ``xyxy`` in pixels, from :func:`plan_tiles`.
        image_size: (height, width) of the frame.
        conf_thresh: least score; a box that ends at a seam counts half its own, and one that fills most of a tile's
            height is left to the view of the whole frame.

    Returns:
        boxes (N, 4) ``xyxy`` in pixels of the frame, scores (N,), class ids (N,), and whether a box ends at a seam
        (N,), all by descending score.
    """
    height, width = image_size
    found = []
    for (boxes, scores), tile in zip(predictions, tiles, strict=True):
        near, score, class_ids = select(boxes, scores, conf_thresh, _MOST_PER_TILE)
        near = np.clip(near, 0, 1)
        # A box cut by the border of the frame is all there is; one cut by a seam may be seen whole next door.
        at_seam = np.array([tile[0] > 0, tile[1] > 0, tile[2] < width, tile[3] < height])
        edge = np.stack([near[:, 0], near[:, 1], 1 - near[:, 2], 1 - near[:, 3]], 1) < _SEAM_MARGIN
        side = np.array([tile[2] - tile[0], tile[3] - tile[1]] * 2, np.float32)
        corner = np.array([tile[0], tile[1]] * 2, np.float32)
        part = (edge & at_seam).any(1)
        score = np.where(part, score * np.float32(_PART_SCORE), score)
        solid = (near[:, 2] > near[:, 0]) & (near[:, 3] > near[:, 1]) & (score >= conf_thresh)
        if at_seam.any():
            solid &= near[:, 3] - near[:, 1] < _TALLEST_IN_TILE
        found.append(((near * side + corner)[solid], score[solid], class_ids[solid], part[solid]))
    boxes, scores, class_ids, part = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(-scores, kind="stable")
    return boxes[order].astype(np.float32), scores[order], class_ids[order], part[order]


def suppress_across_seams(
    boxes: Boxes,
    scores: NDArray[np.float32],
    class_ids: NDArray[np.int64],
    part: NDArray[np.bool_],
    iou_threshold: float,
) -> NDArray[np.int64]:
    """Return the indices to keep, best first: whole boxes before parts, then by score.

    A box falls to an earlier kept one of its class when they overlap by ``iou_threshold``, and a part also when most of
    it (70 %) lies inside a kept box: it is a piece of the same person, cut by the border of its tile.

    Args:
        boxes: (N, 4) ``xyxy``, any unit.
        scores: (N,).
        class_ids: (N,).
        part: (N,) whether the box ends at a seam.
        iou_threshold: IoU at which two boxes are one.
    """
    order = np.lexsort((-scores, part))
    boxes, class_ids, cut = boxes[order], class_ids[order], part[order]
    same = class_ids[:, None] == class_ids[None]
    inside = intersection_matrix(boxes, boxes) / np.maximum(area_xyxy(boxes), 1e-12)[:, None]
    close = same & (duplicates(boxes, boxes, iou_threshold) | (cut[:, None] & (inside >= _SEAM_SHARE)))
    # Row i falls to an earlier row j that is kept.
    falls = np.tril(close, -1)
    kept = np.zeros(len(boxes), bool)
    for i in range(len(boxes)):
        kept[i] = not (falls[i] & kept).any()
    chosen = order[kept]
    return np.asarray(chosen[np.argsort(-scores[chosen], kind="stable")])


def _grid(aspect: float, room: int, rows: int | None, columns: int | None) -> tuple[int, int]:
    """Return rows and columns with at most ``room`` tiles: the most tiles whose shape is near the frame's own.

    Those that are given stay, and make more than ``room`` where no grid with them has room.
    """
    choices = [
        (high, wide)
        for high in ([rows] if rows else range(1, max(1, room // (columns or 1)) + 1))
        for wide in ([columns] if columns else range(1, max(1, room // high) + 1))
    ]

    def worth(grid: tuple[int, int]) -> float:
        rows, columns = grid
        # The network knows whole photographs squeezed to its input; a tile of another shape squeezes people more.
        squeeze = abs(np.log(aspect * columns / rows / np.clip(aspect, 0.75, 1.33)))
        return float(np.log(rows * columns) - squeeze)

    return max(choices, key=worth)


def _spans(length: int, count: int, overlap: float) -> tuple[list[int], list[int]]:
    """Return starts and ends of ``count`` equal spans over 0 to ``length`` that share ``overlap`` of their length."""
    # Rounded up, so that no row of pixels is left between two spans.
    side = min(length, ceil(length / (count - (count - 1) * overlap)))
    starts = [round(i * (length - side) / max(count - 1, 1)) for i in range(count)]
    return starts, [start + side for start in starts]
