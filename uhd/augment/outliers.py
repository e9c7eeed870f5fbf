"""Boxes too small to be learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uhd.boxes import area_xyxy
from uhd.config import knob
from uhd.sample import Sample


@dataclass(frozen=True)
class RemoveOutliers:
    """Turn boxes with less than ``min_area`` of the image's area into ignore regions."""

    min_area: float = knob(0.0, "least area, in image areas", minimum=0, maximum=1)

    def __call__(self, sample: Sample, rng: np.random.Generator | None = None) -> Sample:  # noqa: ARG002
        """Return the sample without them; nothing is random about it."""
        small = area_xyxy(sample.boxes) < self.min_area
        return sample.with_objects(sample.objects.ignoring(small)) if small.any() else sample
