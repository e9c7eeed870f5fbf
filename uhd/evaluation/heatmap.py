"""A layer's output as colours over a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
REDUCTIONS = ("mean", "sum")
SHARE = 0.6  # of the colours; the rest is the picture


def reduce_channels(feature: NDArray[np.float32], how: str = "mean") -> NDArray[np.float32]:
    """Return the mean or sum over the channels of a map (C, h, w), stretched to 0 ... 1; zeros where it is flat.

    Mean and sum differ by a factor, which the stretching removes, and by nothing else.
    """
    if how not in REDUCTIONS:
        raise ValueError(f"reduction {how!r} is not one of {', '.join(REDUCTIONS)}")
    flat = (feature.mean(0) if how == "mean" else feature.sum(0)).astype(np.float64)
    flat = np.nan_to_num(flat, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(flat.min()), float(flat.max())
    return np.asarray((flat - low) / (high - low) if high > low else np.zeros_like(flat), np.float32)


def overlay(picture: Image, heat: NDArray[np.float32], share: float = SHARE) -> Image:
    """Return an RGB picture (H, W, 3) blended with a heat map (h, w), 0 to 1, in the colours of ``inferno``.

    Every cell of the map stays one rectangle of one colour.
    """
    height, width = picture.shape[:2]
    levels = np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    colours = cv2.resize(colours, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.addWeighted(colours, share, picture, 1 - share, 0), np.uint8)
