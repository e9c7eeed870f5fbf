"""Geometric operations: they move the window of a :class:`~uhd.augment.view.View` and never touch a pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from uhd.augment.mirror import both_ways, swap_classes, swap_keypoints, swap_words
from uhd.augment.view import GRAY, Colour, View
from uhd.augment.visible import WHOLE, visible
from uhd.config import knob

Range = tuple[float, float]


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror left and right, in names too: classes that ``class_swap_map`` names, keypoints, words.

    Keypoints are exchanged as ``keypoint_swap_map`` says (COCO's 17 by default), the words left and right always. Of
    both maps one direction is enough.

    Raises:
        UserError: ``class_swap_map`` would make one class of two.
    """

    prob: float = knob(0.5, "of mirroring", minimum=0, maximum=1)
    class_swap_map: Mapping[int, int] = field(default_factory=dict)
    keypoint_swap_map: Mapping[int, int] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_swap_map", both_ways(self.class_swap_map))

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the mirrored view with probability ``prob``."""
        if rng.random() >= self.prob:
            return view
        objects = swap_words(swap_keypoints(swap_classes(view.objects, self.class_swap_map), self.keypoint_swap_map))
        flipped = view.flip_x()
        return flipped if objects is view.objects else replace(flipped, objects=objects)


@dataclass(frozen=True)
class VerticalFlip:
    """Mirror top and bottom: a left hand becomes a right one, but what is on the left stays there.

    So keypoints are exchanged (``keypoint_swap_map``, COCO's 17 by default), words and classes are not.
    """

    prob: float = knob(0.5, "of mirroring", minimum=0, maximum=1)
    keypoint_swap_map: Mapping[int, int] | None = None

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the mirrored view with probability ``prob``."""
        if rng.random() >= self.prob:
            return view
        objects, flipped = swap_keypoints(view.objects, self.keypoint_swap_map), view.flip_y()
        return flipped if objects is view.objects else replace(flipped, objects=objects)


@dataclass(frozen=True)
class RandomScale:
    """Enlarge or shrink about the centre; what a shrunk image leaves free is filled."""

    prob: float = knob(0.5, "of scaling", minimum=0, maximum=1)
    scale: Range = knob((0.8, 1.2), "least and largest factor", flag="scale-range", minimum=0, exclusive_minimum=True)
    keep_aspect_ratio: bool = knob(True, "one factor for both axes")
    fill: Colour = knob(GRAY, "colour beyond the image, RGB", minimum=0, maximum=255)
    min_visibility: float = knob(0.1, "boxes that show less are ignored", minimum=0, maximum=1)

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the scaled view."""
        if rng.random() >= self.prob:
            return view
        x = rng.uniform(*self.scale)
        y = x if self.keep_aspect_ratio else rng.uniform(*self.scale)
        mx, my = (1 - 1 / x) / 2, (1 - 1 / y) / 2
        return replace(view.crop((mx, my, 1 - mx, 1 - my), self.min_visibility), fill=self.fill)


@dataclass(frozen=True)
class Translation:
    """Shift by a share of the size; what becomes free is filled."""

    prob: float = knob(0.5, "of shifting", minimum=0, maximum=1)
    shift: float = knob(0.1, "largest shift in image sides", flag="translate", minimum=0, maximum=1)
    fill: Colour = knob(GRAY, "colour beyond the image, RGB", minimum=0, maximum=255)
    min_visibility: float = knob(0.1, "boxes that show less are ignored", minimum=0, maximum=1)

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the shifted view."""
        if rng.random() >= self.prob:
            return view
        dx, dy = rng.uniform(-self.shift, self.shift, 2).tolist()
        return replace(view.crop((-dx, -dy, 1 - dx, 1 - dy), self.min_visibility), fill=self.fill)


@dataclass(frozen=True)
class RandomWindow:
    """Show a window of the image, smaller or larger than it.

    The side is log-uniform in ``scale``, the logarithm of width to height changes by up to ``aspect``. A window
    smaller than the image lies inside it, a larger one holds the image and is filled around it. Point samples are taken
    where deployment takes them, at the left and upper end of their pixel: with a random phase a box is known to half a
    pixel only, and is found a third of a pixel too far to the right and below.
    """

    prob: float = knob(1.0, "of doing anything", minimum=0, maximum=1)
    scale: Range = knob((0.4, 1.4), "least and largest side, in image sides", minimum=0, exclusive_minimum=True)
    aspect: float = knob(0.25, "largest change of log(width / height)", minimum=0)
    min_visibility: float = knob(0.3, "boxes that show less are ignored", minimum=0, maximum=1)
    phase: str = knob(
        "deployed", "of point samples: where deployment takes them; random; off: as deployed, mirrored afterwards",
        choices=("deployed", "random", "off"),
    )  # fmt: skip

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the view through a random window."""
        chance, size, squeeze, left, top, phase_x, phase_y = rng.random(7).tolist()
        if chance >= self.prob:
            return view
        low, high = self.scale
        side = low * (high / low) ** size
        stretch = math.exp((2 * squeeze - 1) * self.aspect / 2)
        width, height = side * stretch, side / stretch
        x, y = left * (1 - width), top * (1 - height)
        phases = {"random": (phase_x, phase_y), "deployed": (0.0, 0.0), "off": None}
        return view.crop((x, y, x + width, y + height), self.min_visibility, phases[self.phase])


@dataclass(frozen=True)
class RandomCrop:
    """Cut out a rectangle of whole pixels with a share of the area, and shape it to the network.

    The cut shrinks to fit where the image is too narrow or too low for its aspect. Without phase or scaling before it,
    the network reads it exactly as deployment reads a photograph cropped that way.
    """

    prob: float = knob(1.0, "of cutting", minimum=0, maximum=1)
    ratio: Range = knob((0.9, 0.9), "share of the area, or a range", minimum=0, maximum=1, exclusive_minimum=True)
    aspect: Range | None = knob(
        None, "width / height in pixels, or a range; none keeps the image's", flag="aspect-ratio", minimum=0,
        exclusive_minimum=True,
    )  # fmt: skip
    deterministic: bool = knob(False, "cut the centre, with the middle of every range")
    max_retries: int = knob(10, "places tried until enough boxes remain; otherwise nothing is cut", minimum=1)
    min_boxes: int = knob(1, "boxes that must remain, of an image that has any", minimum=0)
    allow_empty: bool = knob(False, "accept a cut without boxes")
    min_visibility: float = knob(0.1, "boxes that show less are ignored", minimum=0, maximum=1)

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the view of the cut-out part."""
        if rng.random() >= self.prob:
            return view
        for _ in range(1 if self.deterministic else self.max_retries):
            width, height = self._size(view, rng)
            cut = _cut(view, width, height, None if self.deterministic else rng, self.min_visibility)
            if self.deterministic or self.allow_empty or not len(view.sample.boxes):
                return cut
            if np.count_nonzero(~visible([(cut, WHOLE)]).ignored) >= self.min_boxes:
                return cut
        return view

    def _size(self, view: View, rng: np.random.Generator) -> tuple[int, int]:
        width, height = view.extent
        aspect_range = self.aspect or (width / height,) * 2
        if self.deterministic:
            share, aspect = sum(self.ratio) / 2, sum(aspect_range) / 2
        else:
            share, aspect = rng.uniform(*self.ratio), rng.uniform(*aspect_range)
        return _fit(width, height, share, aspect)


@dataclass(frozen=True)
class RandomResizedCrop:
    """Cut out a rectangle of a random share of the area and a random aspect, anywhere (Szegedy et al. 2015)."""

    prob: float = knob(0.5, "of cutting", minimum=0, maximum=1)
    scale: Range = knob((0.6, 1.0), "share of the area", minimum=0, maximum=1, exclusive_minimum=True)
    aspect: Range = knob((0.75, 1.33), "width / height in pixels", flag="ratio", minimum=0, exclusive_minimum=True)
    min_visibility: float = knob(0.25, "boxes that show less are ignored", minimum=0, maximum=1)

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the view of the cut-out part; the largest that fits where the drawn one does not."""
        if rng.random() >= self.prob:
            return view
        width, height = _fit(*view.extent, rng.uniform(*self.scale), rng.uniform(*self.aspect))
        return _cut(view, width, height, rng, self.min_visibility)


def _fit(width: float, height: float, share: float, aspect: float) -> tuple[int, int]:
    """Return the whole (width, height) of an aspect and a share of the area, shrunk to fit inside."""
    h = max(1, round(min(math.sqrt(share * width * height / aspect), height, width / aspect)))
    return max(1, min(round(h * aspect), math.floor(width))), min(h, max(1, math.floor(height)))


def _cut(view: View, width: int, height: int, rng: np.random.Generator | None, min_visibility: float) -> View:
    """Return the view of a rectangle of that size at a random whole offset, or in the centre."""
    shown_width, shown_height = view.extent
    free_x, free_y = max(0, math.floor(shown_width) - width), max(0, math.floor(shown_height) - height)
    dx, dy = (free_x // 2, free_y // 2) if rng is None else rng.integers(0, (free_x + 1, free_y + 1)).tolist()
    return view.cut(dx, dy, width, height, min_visibility)
