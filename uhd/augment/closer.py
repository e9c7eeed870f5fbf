"""A closer look at one object: a square window around it, in training as where somebody is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uhd.augment.geometry import Range
from uhd.augment.view import View
from uhd.augment.visible import Window
from uhd.config import knob


def window_around(box: NDArray[np.float32], size: tuple[int, int], sides: float) -> Window:
    """Return a square window around a box, moved into the picture; where the picture is smaller, all of that axis.

    Args:
        box: (4,) ``xyxy`` in pixels.
        size: (H, W) of the picture in pixels.
        sides: side of the window, in longer sides of the box.

    Returns:
        left, top, right, bottom in whole pixels.
    """
    left, top, right, bottom = (float(value) for value in box)
    side = max(1.0, sides * max(right - left, bottom - top))
    (x0, x1), (y0, y1) = (
        _span((low + high) / 2, side, length) for low, high, length in ((left, right, size[1]), (top, bottom, size[0]))
    )
    return float(x0), float(y0), float(x1), float(y1)


def _span(middle: float, side: float, length: int) -> tuple[int, int]:
    wide = min(length, max(1, round(side)))
    low = min(max(0, round(middle - side / 2)), length - wide)
    return low, low + wide


@dataclass(frozen=True)
class CloserLook:
    """Show a square window around one object, as :class:`uhd.refer.referrer.Referrer` looks at who was found.

    What is said of the people there ("leftmost") need not hold in a part of the picture, so texts stay behind. A
    picture that such a window would show nearly whole is left as it is, with its texts. It stands before rotations.
    """

    prob: float = knob(0.5, "of looking closer", minimum=0, maximum=1)
    sides: Range = knob(
        (1.3, 3.0), "side of the window, in longer sides of the object", minimum=0, exclusive_minimum=True
    )
    shift: float = knob(0.15, "how far the object is from the middle, in sides of the window", minimum=0, maximum=0.5)
    whole: float = knob(0.8, "share of the picture that is as good as all of it", minimum=0, maximum=1)
    min_visibility: float = knob(0.3, "boxes that show less are ignored", minimum=0, maximum=1)

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the view through a window around an object that is to be found, drawn at random."""
        chance, who, x, y = rng.random(4).tolist()
        sides = rng.uniform(*self.sides)
        objects = view.objects
        if chance >= self.prob or not objects.count or view.warp is not None:
            return view
        height, width = view.sample.image.shape[:2]
        box = objects.boxes[int(who * objects.count)] * np.tile(np.array([width, height], np.float32), 2)
        away = self.shift * sides * float((box[2:] - box[:2]).max()) * np.tile([2 * x - 1, 2 * y - 1], 2)
        window = window_around(box + away, (height, width), sides)
        if (window[2] - window[0]) * (window[3] - window[1]) >= self.whole * height * width:
            return view
        shown = replace(objects, texts=None)
        return replace(view, window=window, objects=shown, min_visibility=max(view.min_visibility, self.min_visibility))
