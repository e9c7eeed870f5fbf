"""Rotation, shear, scaling and shift about the centre, in one step; and rotation alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from uhd.augment.view import GRAY, Colour, View
from uhd.config import knob

Range = tuple[float, float]


@dataclass(frozen=True)
class Affine:
    """Turn, slant, enlarge and shift about the centre; what becomes free is filled.

    Angles are those of the photograph, before it is shaped to the network. Boxes follow one of two rules, see
    :func:`uhd.augment.warp.warp_boxes`; regions to ignore always keep all they cover (``corners``).
    """

    prob: float = knob(0.5, "of moving", minimum=0, maximum=1)
    rotate: Range = knob((-10.0, 10.0), "degrees counter-clockwise", minimum=-180, maximum=180)
    scale: Range = knob((0.9, 1.1), "factor", minimum=0, exclusive_minimum=True)
    shear: Range = knob((-5.0, 5.0), "degrees by which the vertical leans to the left", minimum=-80, maximum=80)
    translate: float = knob(0.05, "largest shift in image sides", minimum=0, maximum=1)
    fill: Colour = knob(GRAY, "colour beyond the image, RGB", minimum=0, maximum=255)
    min_visibility: float = knob(0.1, "boxes that show less are ignored", minimum=0, maximum=1)
    boxes: str = knob("ellipse", "a box holds a person (ellipse) or all of its area (corners)",
                      choices=("ellipse", "corners"))  # fmt: skip

    EITHER_WAY: ClassVar[frozenset[str]] = frozenset({"rotate", "shear"})  # one number means from -n to n

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the turned view."""
        if rng.random() >= self.prob:
            return view
        turn, lean = math.radians(rng.uniform(*self.rotate)), math.tan(math.radians(rng.uniform(*self.shear)))
        factor = rng.uniform(*self.scale)
        shift = rng.uniform(-self.translate, self.translate, 2)
        cos, sin = math.cos(turn), math.sin(turn)
        # Rows point down, so this turns counter-clockwise as seen.
        forward = factor * np.array([[cos, sin], [-sin, cos]]) @ np.array([[1.0, lean], [0.0, 1.0]])
        width, height = view.extent
        sides = np.array([width, height])
        back = np.linalg.inv(forward) * sides[None] / sides[:, None]
        matrix = np.column_stack([back, 0.5 - back @ (0.5 + shift)])
        return replace(view.through(matrix, self.min_visibility), fill=self.fill, box_rule=self.boxes)


@dataclass(frozen=True)
class Rotate(Affine):
    """Turn about the centre; an :class:`Affine` that does nothing else unless told to."""

    scale: Range = knob((1.0, 1.0), "factor", minimum=0, exclusive_minimum=True)
    shear: Range = knob((0.0, 0.0), "degrees by which the vertical leans to the left", minimum=-80, maximum=80)
    translate: float = knob(0.0, "largest shift in image sides", minimum=0, maximum=1)
