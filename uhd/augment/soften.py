"""Soft photographs: what point sampling reads from an image that was enlarged or out of focus before it came to us."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from uhd.augment.view import View
from uhd.config import knob


@dataclass(frozen=True)
class Soften:
    """Blur the source before it is read, by a side drawn in output pixels.

    Point sampling of a sharp photograph gives harsh, aliased pixels; a camera of low resolution, or a photograph that
    was enlarged, gives smooth ones. At a side of one output pixel the reading becomes a mean over that pixel's area.
    """

    prob: float = knob(0.1, "of blurring", minimum=0, maximum=1)
    side: tuple[float, float] = knob((0.3, 1.5), "least and largest side of the blur, in output pixels", minimum=0)

    def __call__(self, view: View, rng: np.random.Generator) -> View:
        """Return the view of the softer source."""
        if rng.random() >= self.prob:
            return view
        side = float(rng.uniform(*self.side))
        return replace(view, softness=(side, side))
