"""Run-length masks of COCO and CVAT as outlines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.objects import Outline

_MOST_PIXELS = 1 << 28


def outline_of_runs(mask: dict[str, Any]) -> Outline:
    """Return the outline, normalised, of a mask as COCO writes one, () where it is none.

    Args:
        mask: ``size`` (height, width) and ``counts``: run lengths by columns, beginning with the zeros, or their text.
    """
    try:
        height, width = (int(side) for side in mask["size"])
        counts = mask["counts"]
        runs = _runs_of_text(counts) if isinstance(counts, str) else [int(count) for count in counts]
    except (KeyError, TypeError, ValueError, IndexError):
        return ()
    if min(height, width) <= 0 or height * width > _MOST_PIXELS or min(runs, default=0) < 0:
        return ()
    if sum(runs) > height * width:
        return ()
    bitmap = fill_runs(runs, height * width).reshape(width, height).T
    return outline_of_bitmap(bitmap)


def fill_runs(runs: Sequence[int], count: int) -> NDArray[np.bool_]:
    """Return (N,) bool of ``count`` pixels from run lengths that begin with the zeros."""
    values = np.arange(len(runs)) % 2 == 1
    flat = np.repeat(values, runs)[:count]
    return np.concatenate([flat, np.zeros(count - len(flat), bool)])


def outline_of_bitmap(bitmap: NDArray[np.bool_]) -> Outline:
    """Return the rings around the set pixels of a mask (H, W), holes included, normalised to it.

    Filled again at the same size they give the same pixels: the mask is traced at twice its size, where a ring of
    centres runs a quarter of a pixel inside the edge and so around the centre of every pixel.
    """
    height, width = bitmap.shape
    doubled = np.repeat(np.repeat(bitmap.astype(np.uint8), 2, 0), 2, 1)
    found, _ = cv2.findContours(np.ascontiguousarray(doubled), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    scale = np.array([2 * width, 2 * height], np.float64)
    rings = [ring.reshape(-1, 2) for ring in found]
    return tuple(((ring + 0.5) / scale).astype(np.float32) for ring in rings if len(ring) > 2)


def _runs_of_text(text: str) -> list[int]:
    """Return the run lengths that COCO's text holds: six bits a character, each run the difference to the last but one.

    Source: maskApi.c of https://github.com/cocodataset/cocoapi, whose format this is.
    """
    runs: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            bits = ord(text[at]) - 48
            value |= (bits & 31) << shift
            at, shift, more = at + 1, shift + 5, bool(bits & 32)
            if not more and bits & 16:
                value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
    return runs
