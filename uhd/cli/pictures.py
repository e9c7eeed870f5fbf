"""The picture that ``uhd predict`` shows of an image and what was found in it: one way for photographs and videos."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uhd.draw import Outline, draw, enlarge
from uhd.resize import resize_image

if TYPE_CHECKING:
    from uhd.card import ModelSpec
    from uhd.detections import Detections

Image = NDArray[np.uint8]
_SEEN_SIDE = 512  # pixels, at least, of a picture that shows what a network sees


def draw_result(
    image: Image,
    found: Detections,
    spec: ModelSpec | None = None,
    side: int = 0,
    notes: Sequence[str] = (),
    outlines: Sequence[Outline] = (),
) -> Image:
    """Return a picture (H, W, 3) of an image and its detections.

    Args:
        image: (H, W, 3) uint8 RGB.
        found: boxes in pixels of the image.
        spec: of a model, to show the image as the model sees it, enlarged; None shows the image itself.
        side: least length of the picture's larger side; smaller images are enlarged a whole number of times.
        notes: lines of text for the upper left corner.
        outlines: lines and polygons, points as shares of the image.
    """
    seen = image if spec is None else resize_image(image, spec.input_size, spec.resize_mode)
    picture = enlarge(seen, side if spec is None else _SEEN_SIDE)
    size = np.array([picture.shape[1], picture.shape[0]])
    scale = np.tile(size / [image.shape[1], image.shape[0]], 2).astype(np.float32)
    scaled = dataclasses.replace(found, xyxy=found.xyxy * scale, image_size=picture.shape[:2])
    return draw(
        picture, scaled, notes=notes,
        outlines=[dataclasses.replace(each, points=each.points * (size - 1)) for each in outlines],
    )  # fmt: skip
