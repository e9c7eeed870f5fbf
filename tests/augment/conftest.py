"""Images whose boxes can be read off their pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray

from uhd.augment.view import View
from uhd.resize import is_point_sampling
from uhd.sample import Sample

# A busy machine is not a reason to fail.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

BACKGROUND = (10, 60, 200)
PAINT = (250, 30, 30)


def painted(
    height: int, width: int, box: tuple[int, int, int, int] | None, ignored: bool = False, label: int = 0
) -> Sample:
    """Return an image with one rectangle, given in whole pixels, painted on it and labelled."""
    image = np.full((height, width, 3), BACKGROUND, np.uint8)
    nothing = np.zeros((0, 4), np.float32)
    if box is None:
        return Sample(image)
    x0, y0, x1, y1 = box
    image[y0:y1, x0:x1] = PAINT
    image.flags.writeable = False  # as the cache hands it out
    boxes = np.array([[x0 / width, y0 / height, x1 / width, y1 / height]], np.float32)
    if ignored:
        return Sample(image, ignore=boxes)
    return Sample(image, boxes, np.array([label], np.int64), nothing, "painted")


def photograph(height: int = 90, width: int = 120, count: int = 3, seed: int = 0) -> Sample:
    """Return noise with random boxes."""
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.random((count, 2, 2)).astype(np.float32), axis=1).reshape(-1, 4)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    image.flags.writeable = False
    return Sample(image, corners, np.arange(count, dtype=np.int64), corners[:1] / 2, f"photograph {seed}")


def extent(image: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Return the painted part of an image as ``xyxy``, normalised, or None where nothing is painted."""
    is_paint = image[..., 0] > 130  # half-way between the paint and everything else, the gray included
    if not is_paint.any():
        return None
    rows, columns = np.flatnonzero(is_paint.any(1)), np.flatnonzero(is_paint.any(0))
    height, width = is_paint.shape
    return np.array([columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height])


def assert_same_place(
    image: NDArray[np.uint8], regions: NDArray[np.float32], slack: tuple[float, float] = (0.0, 0.0)
) -> None:
    """Assert that paint and boxes (at most one) agree to one output pixel plus ``slack`` output pixels (x, y)."""
    height, width = image.shape[:2]
    seen, allowed = extent(image), np.array(slack) + 1 + 1e-3
    assert len(regions) <= 1
    if not len(regions):
        # A window that begins a rounding error above the lower edge shows one row of paint: no more than the slack.
        thin = seen is not None and bool((((seen[2:] - seen[:2]) * (width, height)) <= np.array(slack) + 1e-3).any())
        assert seen is None or thin
        return
    box = regions[0]
    assert ((box >= 0) & (box <= 1)).all()
    if seen is None:  # too thin for a sample to fall on it
        assert ((box[2:] - box[:2]) * (width, height) <= allowed).any()
        return
    assert (np.abs(seen - box) * (width, height, width, height) <= np.tile(allowed, 2)).all(), (seen, box)


def blur_of(view: View, size: tuple[int, int], mode: str) -> tuple[float, float]:
    """Return over how many output pixels (x, y) an edge is spread: one source pixel where a mode interpolates."""
    x0, y0, x1, y1 = view.window
    return (0.0, 0.0) if is_point_sampling(mode) else (size[1] / (x1 - x0), size[0] / (y1 - y0))
