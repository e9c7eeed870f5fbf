"""What happens to the second image of a sample (:class:`uhd.sample.SecondImage`): the same, at its own size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from uhd.augment.view import View
from uhd.augment.visible import Window
from uhd.resize import resize_image
from uhd.sample import Sample, SecondImage

Image = NDArray[np.uint8]
_PICK = "torch_nearest"


def place_in(image: Image, place: Window) -> Image:
    """Return the part of an image (a view of it, at least one pixel) at a place given in its sides, 0 to 1."""
    h, w = image.shape[:2]
    left, top = min(round(place[0] * w), w - 1), min(round(place[1] * h), h - 1)
    return image[top : max(round(place[3] * h), top + 1), left : max(round(place[2] * w), left + 1)]


def repaint(second: Image, before: Image, after: Image) -> None:
    """Change in ``second`` what was painted over between ``before`` and ``after``; each (H, W, 3), of its own size."""
    if after is before:
        return
    painted = np.repeat((before != after).any(2, keepdims=True), 3, 2).astype(np.uint8)
    size = (second.shape[0], second.shape[1])
    np.copyto(second, resize_image(after, size, _PICK), where=resize_image(painted, size, _PICK) > 0)


def look_again(second: SecondImage, view: View) -> None:
    """Show of a second image what a view of the small image shows."""
    (h, w), (height, width) = view.sample.image.shape[:2], second.image.shape[:2]
    x0, y0, x1, y1 = view.window
    window = (x0 * width / w, y0 * height / h, x1 * width / w, y1 * height / h)
    replace(view, sample=Sample(second.image.copy()), window=window).read_into(second.image, second.mode)
