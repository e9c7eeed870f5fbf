"""Operations that join several samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from uhd.augment.view import View
from uhd.sample import Sample

Geometry = Callable[[View, np.random.Generator], View]


@dataclass(frozen=True)
class Mosaic:
    """Four samples in the four quarters (YOLOv4, Bochkovskiy et al. 2020).

    The geometric operations listed after it act on each of the four, which are then read straight into their quarter:
    every pixel is still sampled once.
    """

    prob: float = 1.0

    def __call__(
        self,
        sample: Sample,
        rng: np.random.Generator,
        size: tuple[int, int],
        mode: str,
        draw_partner: Callable[[np.random.Generator], Sample],
        geometry: Sequence[Geometry],
    ) -> Sample:
        """Return the joined sample at network size."""
        h, w = size
        image = np.empty((h, w, 3), np.uint8)
        parts: list[View] = []
        for corner in range(4):
            top, bottom = ((0, h // 2), (h // 2, h))[corner // 2]
            left, right = ((0, w // 2), (w // 2, w))[corner % 2]
            view = View.of(sample if corner == 0 else draw_partner(rng))
            for operation in geometry:
                view = operation(view, rng)
            view.read_into(image[top:bottom, left:right], mode)
            parts.append(view.placed((left / w, top / h, right / w, bottom / h)))
        boxes, labels, ignore = zip(*((part.boxes, part.labels, part.ignore) for part in parts), strict=True)
        return Sample(image, np.concatenate(boxes), np.concatenate(labels), np.concatenate(ignore), sample.name)
