"""Geometric operations: they move the window of a :class:`~uhd.augment.view.View` and never touch a pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from uhd.augment.view import View

Range = tuple[float, float]


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror left and right, exchanging the classes that ``class_swap_map`` names (``left hand: right hand``)."""

    prob: float = 0.5
    class_swap_map: Mapping[int, int] = field(default_factory=dict)

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the mirrored view with probability ``prob``."""
        if rng.random() >= self.prob:
            return view
        flipped = view.flip_x()
        if not self.class_swap_map or not len(view.labels):
            return flipped
        table = np.arange(max(int(view.labels.max()), *self.class_swap_map.keys()) + 1)
        for old, new in self.class_swap_map.items():
            table[old] = new
        return replace(flipped, labels=table[view.labels])


@dataclass(frozen=True)
class VerticalFlip:
    """Mirror top and bottom."""

    prob: float = 0.5

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the mirrored view with probability ``prob``."""
        return view.flip_y() if rng.random() < self.prob else view


@dataclass(frozen=True)
class RandomWindow:
    """Show a window of the image, smaller or larger than it, anywhere along it.

    The side is log-uniform in ``scale`` (of the image's side), the aspect is changed by up to ``e ** aspect``. A
    window larger than the image is filled with gray around it. Point samples get a random phase, as a camera has.

    Attributes:
        prob: of doing anything.
        scale: least and largest side, in image sides.
        aspect: largest change of the logarithm of width to height.
        min_visibility: boxes of which a smaller share is left become ignore regions.
    """

    prob: float = 1.0
    scale: Range = (0.4, 1.4)
    aspect: float = 0.25
    min_visibility: float = 0.3

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the view through a random window."""
        r = rng.random(7)
        if r[0] >= self.prob:
            return view
        low, high = self.scale
        side = low * (high / low) ** r[1]
        stretch = math.exp((2 * r[2] - 1) * self.aspect / 2)
        width, height = side * stretch, side / stretch
        x, y = r[3] * (1 - width), r[4] * (1 - height)
        shown = replace(view, phase=(float(r[5]), float(r[6])))
        return shown.crop((x, y, x + width, y + height), self.min_visibility)


@dataclass(frozen=True)
class RandomCrop:
    """Cut out a rectangle of a share of the area and shape it to the network.

    Attributes:
        prob: of doing anything.
        ratio: share of the largest possible area, or a range to draw it from.
        aspect: width to height of the cut in pixels, a range, or None for the image's own.
        deterministic: cut the centre rather than a random place.
        max_retries: places tried until ``min_boxes`` boxes remain; otherwise nothing is cut.
        min_boxes: least boxes left, for images that have any.
        allow_empty: accept a cut without boxes.
        min_visibility: boxes of which a smaller share is left become ignore regions.
    """

    prob: float = 1.0
    ratio: Range = (0.9, 0.9)
    aspect: Range | None = None
    deterministic: bool = False
    max_retries: int = 10
    min_boxes: int = 1
    allow_empty: bool = False
    min_visibility: float = 0.1

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the view of the cut-out part."""
        if rng.random() >= self.prob:
            return view
        x0, y0, x1, y1 = view.window
        width, height = (x1 - x0) * view.image.shape[1], (y1 - y0) * view.image.shape[0]
        for _ in range(1 if self.deterministic else self.max_retries):
            aspect = rng.uniform(*self.aspect) if self.aspect else width / height
            area = rng.uniform(*self.ratio)
            # The largest rectangle of that aspect inside the image, then its share of the area.
            w = min(width, height * aspect) * math.sqrt(area) / width
            h = min(height, width / aspect) * math.sqrt(area) / height
            x, y = (
                ((1 - w) / 2, (1 - h) / 2) if self.deterministic else (rng.random() * (1 - w), rng.random() * (1 - h))
            )
            cut = view.crop((x, y, x + w, y + h), self.min_visibility)
            if self.allow_empty or not len(view.boxes) or len(cut.boxes) >= self.min_boxes:
                return cut
        return view


@dataclass(frozen=True)
class RandomScale:
    """Enlarge or shrink about the centre; what a shrunk image leaves free is gray."""

    prob: float = 0.5
    scale: Range = (0.8, 1.2)
    min_visibility: float = 0.1

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the scaled view."""
        if rng.random() >= self.prob:
            return view
        margin = (1 - 1 / rng.uniform(*self.scale)) / 2
        return view.crop((margin, margin, 1 - margin, 1 - margin), self.min_visibility)


@dataclass(frozen=True)
class Translation:
    """Shift by up to ``shift`` of the size; what becomes free is gray."""

    prob: float = 0.5
    shift: float = 0.1
    min_visibility: float = 0.1

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the shifted view."""
        if rng.random() >= self.prob:
            return view
        dx, dy = rng.uniform(-self.shift, self.shift, 2)
        return view.crop((-dx, -dy, 1 - dx, 1 - dy), self.min_visibility)
