"""How much of each box the patches pasted over it hide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import area_xyxy, intersection_matrix
from uhd.objects import Boxes, Objects, Outline
from uhd.outlines import fill_outline


class Cover:
    """What is hidden of the objects of an image, patch by patch.

    Patches without an outline hide their whole box, each for itself; those with one hide pixels, and add up: an object
    is judged by those of its own outline, or of its box.

    Args:
        size: (h, w) of the image.
        objects: before the first patch.
    """

    def __init__(self, size: tuple[int, int], objects: Objects) -> None:
        self.size = size
        # Per object to be found the pixels that patches with an outline hide of the image since it is there.
        self._hidden: list[NDArray[np.bool_] | None] = [None] * objects.count

    def hide(self, objects: Objects, patch: Boxes, outline: Outline) -> NDArray[np.float32]:
        """Return the share (N,) that is hidden of each object to be found, once a patch (1, 4) is pasted."""
        boxes = objects.boxes[: objects.count]
        if not outline:
            return np.asarray(intersection_matrix(boxes, patch)[:, 0] / np.maximum(area_xyxy(boxes), 1e-12))
        pixels = fill_outline(outline, self.size)
        shares = np.zeros(objects.count, np.float32)
        for i, before in enumerate(self._hidden):
            self._hidden[i] = now = pixels if before is None else before | pixels
            own = self._pixels(objects, i)
            shares[i] = (own & now).sum() / max(1, own.sum())
        return shares

    def add(self, count: int, hidden: NDArray[np.bool_], pasted: int) -> None:
        """Note that of ``count`` objects the hidden ones are ignored now, and so many were pasted behind the others."""
        self._hidden = [self._hidden[i] for i in range(count) if not hidden[i]] + [None] * pasted

    def _pixels(self, objects: Objects, index: int) -> NDArray[np.bool_]:
        outline = objects.masks[index] if objects.masks is not None else ()
        if outline:
            return fill_outline(outline, self.size)
        h, w = self.size
        x0, y0, x1, y1 = objects.boxes[index].tolist()
        rows, columns = (np.arange(h)[:, None] + 0.5) / h, (np.arange(w)[None] + 0.5) / w
        return np.asarray((rows >= y0) & (rows <= y1) & (columns >= x0) & (columns <= x1))
