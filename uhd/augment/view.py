"""A sample seen through a window: geometric operations move the window, the pixels are read once, at network size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.augment.visible import WHOLE, Window, objects_in
from uhd.augment.warp import Matrix, bounds_of, compose, read_linear, read_points
from uhd.objects import Objects
from uhd.resize import is_point_sampling, resize_image
from uhd.sample import Sample

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
GRAY: Colour = (114, 114, 114)


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """Which part of a sample is shown, and how. The objects that go with it:
    :func:`uhd.augment.visible.objects_in`.

    The window alone says where everything is, so nothing is lost or rounded however many operations follow each other:
    a window that grows again shows again what an earlier one hid.

    Attributes:
        sample: the source, an image of any size.
        window: left, top, right, bottom in pixels of the source, with right > left and bottom > top; what lies beyond
            the image is filled.
        objects: the source's, in its frame, under the names that they have now (a mirror exchanges left and right).
        mirror_x, mirror_y: the shown part is flipped after it is cut out.
        min_visibility: boxes of which a smaller share is shown become ignore regions.
        phase: where inside its output pixel a point sample is taken, per axis (x, y), 0 to 1. (0, 0) is where
            deployment takes it, of a mirrored photograph too. None reads as deployment does and mirrors afterwards.
        softness: (x, y) side of the blur before the reading, in output pixels; 0 is sharp.
        fill: colour beyond the image.
        warp: (2, 3), an affine map from what is shown to the window (both 0 to 1), None where they are the same; once
            it is set, whatever follows moves the map and leaves the window as it is.
        box_rule: how boxes go through ``warp``; see :func:`uhd.augment.warp.warp_boxes`.
    """

    sample: Sample
    window: Window
    objects: Objects
    mirror_x: bool = False
    mirror_y: bool = False
    min_visibility: float = 0.0
    phase: tuple[float, float] | None = None
    softness: tuple[float, float] = (0.0, 0.0)
    fill: Colour = GRAY
    warp: Matrix | None = None
    box_rule: str = "corners"

    @classmethod
    def of(cls, sample: Sample) -> View:
        """Show the whole sample."""
        height, width = sample.image.shape[:2]
        return cls(sample, (0.0, 0.0, float(width), float(height)), sample.objects)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64 class positions of what is to be found in the source, as they are now."""
        return self.objects.labels[: self.objects.count]

    def crop(self, part: Window, min_visibility: float = 0.0, phase: tuple[float, float] | None = None) -> View:
        """Show only a part of what is shown now; it may reach beyond.

        Args:
            part: left, top, right, bottom in the present output, 0 to 1.
            min_visibility: boxes of which a smaller share is shown become ignore regions.
            phase: of the point samples; None keeps the present one.
        """
        a0, b0, a1, b1 = part
        if self.warp is not None:
            matrix = np.array([[a1 - a0, 0.0, a0], [0.0, b1 - b0, b0]])
            return replace(self.through(matrix, min_visibility), phase=phase or self.phase)
        if self.mirror_x:
            a0, a1 = 1 - a1, 1 - a0
        if self.mirror_y:
            b0, b1 = 1 - b1, 1 - b0
        x0, y0, x1, y1 = self.window
        width, height = x1 - x0, y1 - y0
        window = (x0 + a0 * width, y0 + b0 * height, x0 + a1 * width, y0 + b1 * height)
        # Named one by one: `replace` takes several times as long, and every sample comes by here.
        return View(
            self.sample, window, self.objects, self.mirror_x, self.mirror_y, max(self.min_visibility, min_visibility),
            phase or self.phase, self.softness, self.fill, self.warp, self.box_rule,
        )  # fmt: skip

    def through(self, matrix: Matrix, min_visibility: float = 0.0) -> View:
        """Show the present output through an affine map.

        Args:
            matrix: (2, 3) from the new output to the present one, both 0 to 1.
            min_visibility: boxes of which a smaller share is shown become ignore regions.
        """
        warp = matrix if self.warp is None else compose(self.warp, matrix)
        return replace(self, warp=warp, min_visibility=max(self.min_visibility, min_visibility))

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height of what is shown, in pixels of the source."""
        x0, y0, x1, y1 = self.window
        if self.warp is None:
            return x1 - x0, y1 - y0
        sides = np.hypot(*(self.warp[:, :2] * np.array([[x1 - x0], [y1 - y0]])))
        return float(sides[0]), float(sides[1])

    def cut(self, left: int, top: int, width: int, height: int, min_visibility: float = 0.0) -> View:
        """Show only a rectangle of what is shown now, given in whole pixels of the source; it is cut exactly."""
        if self.warp is not None:
            w, h = self.extent
            return self.crop((left / w, top / h, (left + width) / w, (top + height) / h), min_visibility)
        x0, y0, _, _ = self.window
        window = (x0 + left, y0 + top, x0 + left + width, y0 + top + height)
        return replace(self, window=window, min_visibility=max(self.min_visibility, min_visibility))

    def flip_x(self) -> View:
        """Mirror left and right."""
        if self.warp is not None:
            return self.through(np.array([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))
        return View(
            self.sample, self.window, self.objects, not self.mirror_x, self.mirror_y, self.min_visibility, self.phase,
            self.softness, self.fill, None, self.box_rule,
        )  # fmt: skip

    def flip_y(self) -> View:
        """Mirror top and bottom."""
        if self.warp is not None:
            return self.through(np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 1.0]]))
        return replace(self, mirror_y=not self.mirror_y)

    def render(self, size: tuple[int, int], mode: str) -> Sample:
        """Return what is shown as a sample at network size (h, w)."""
        return Sample(self.read(size, mode), objects=objects_in([(self, WHOLE)]), name=self.sample.name)

    def read(self, size: tuple[int, int], mode: str) -> Image:
        """Return the shown part at network size (h, w): (h, w, 3) uint8."""
        out = np.empty((*size, 3), np.uint8)
        self.read_into(out, mode)
        return out

    def read_into(self, out: Image, mode: str) -> None:
        """Read the shown part into (h, w, 3), by point sampling or interpolation as the resize mode says.

        A window of whole pixels inside the image, without a phase, is read exactly as deployment would read that part.
        """
        if self.warp is not None:
            self._read_warped(out, mode)
            return
        x0, y0, x1, y1 = self.window
        height, width = self.sample.image.shape[:2]
        h, w = out.shape[:2]
        whole = x0.is_integer() and y0.is_integer() and x1.is_integer() and y1.is_integer()
        if max(self.softness) > 0:
            image, left, top = self._softened(self.window, (x1 - x0) / w, (y1 - y0) / h)
            x0, y0 = x0 - left, y0 - top
            x1, y1 = x0 + self.window[2] - self.window[0], y0 + self.window[3] - self.window[1]
            height, width = image.shape[:2]
        else:
            image = self.sample.image
        if self.phase is None and whole and x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
            part = resize_image(image[int(y0) : int(y1), int(x0) : int(x1)], (h, w), mode)
            out[:] = part[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1]
            return
        if is_point_sampling(mode):
            self._sample_points(out, image, (x0, y0, x1, y1))
        else:
            self._interpolate(out, image, (x0, y0, x1, y1))

    def _sample_points(self, out: Image, image: Image, window: Window) -> None:
        x0, y0, x1, y1 = window
        height, width = image.shape[:2]
        h, w = out.shape[:2]
        phase_x, phase_y = self.phase or (None, None)
        rows, top, bottom = _seen(y0, y1, height, h, phase_y, self.mirror_y)
        columns, left, right = _seen(x0, x1, width, w, phase_x, self.mirror_x)
        if bottom - top < h or right - left < w:
            out[:] = self.fill
        out[top:bottom, left:right] = image.take(rows, 0).take(columns, 1)

    def _interpolate(self, out: Image, image: Image, window: Window) -> None:
        x0, y0, x1, y1 = window
        height, width = image.shape[:2]
        h, w = out.shape[:2]
        sx, sy = (x1 - x0) / w, (y1 - y0) / h
        if self.mirror_x:
            x0, sx = x1, -sx
        if self.mirror_y:
            y0, sy = y1, -sy
        # cv2 counts pixel centres as whole numbers; the half pixels keep both grids aligned at their edges.
        matrix = np.array([[sx, 0, x0 + sx / 2 - 0.5], [0, sy, y0 + sy / 2 - 0.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        # The edge is continued, as resizing does, and what lies beyond is filled: the gray does not bleed into it.
        out[:] = cv2.warpAffine(image, matrix, (w, h), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        left, right = _inside(x0, sx, width, w, 0.5)
        top, bottom = _inside(y0, sy, height, h, 0.5)
        out[:top] = out[bottom:] = out[top:bottom, :left] = out[top:bottom, right:] = self.fill

    def _read_warped(self, out: Image, mode: str) -> None:
        x0, y0, x1, y1 = self.window
        left, right = (x1, x0) if self.mirror_x else (x0, x1)
        top, bottom = (y1, y0) if self.mirror_y else (y0, y1)
        assert self.warp is not None
        matrix = compose(np.array([[right - left, 0.0, left], [0.0, bottom - top, top]]), self.warp)
        image, (h, w) = self.sample.image, out.shape[:2]
        if max(self.softness) > 0:
            step_x, step_y = np.hypot(*matrix[:, :2]).tolist()
            image, left, top = self._softened(bounds_of(matrix), step_x / w, step_y / h)
            matrix = compose(np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]]), matrix)
        if is_point_sampling(mode):
            out[:] = read_points(image, matrix, (h, w), self.phase or (0.0, 0.0), self.fill)
        else:
            out[:] = read_linear(image, matrix, (h, w), self.fill)

    def _softened(self, around: Window, step_x: float, step_y: float) -> tuple[Image, int, int]:
        """Return the neighbourhood of a window of the source, blurred, and where it begins: left and top."""
        x0, y0, x1, y1 = around
        height, width = self.sample.image.shape[:2]
        kx, ky = max(1, round(self.softness[0] * step_x)), max(1, round(self.softness[1] * step_y))
        left, right = _span(x0 - kx, x1 + kx, width)
        top, bottom = _span(y0 - ky, y1 + ky, height)
        image = self.sample.image[top:bottom, left:right]
        return np.asarray(cv2.blur(image, (kx, ky)), np.uint8), left, top


@lru_cache(maxsize=64)
def _steps(n_out: int) -> NDArray[np.float64]:
    return np.arange(n_out, dtype=np.float64)


def _seen(
    low: float, high: float, count: int, n_out: int, phase: float | None, mirrored: bool
) -> tuple[NDArray[np.intp], int, int]:
    """Return the source indices of the outputs that lie inside the image, and the first and one past the last.

    A mirrored window with a phase is read as the mirrored photograph would be, so that the samples lie at the same
    place inside their output pixel; without a phase it is read first and mirrored then.
    """
    if not mirrored:
        return _indices(low, high, count, n_out, phase or 0.0)
    if phase is None:
        indices, start, stop = _indices(low, high, count, n_out, 0.0)
        return indices[::-1], n_out - stop, n_out - start
    indices, start, stop = _indices(count - high, count - low, count, n_out, phase)
    return count - 1 - indices, start, stop


def _indices(low: float, high: float, count: int, n_out: int, phase: float) -> tuple[NDArray[np.intp], int, int]:
    step = (high - low) / n_out
    first = low + phase * step
    position = _steps(n_out) * step
    position += first
    if first >= 0 and high - step + phase * step < count:  # all inside: truncation is floor
        return np.minimum(position.astype(np.intp), count - 1), 0, n_out
    ok = np.flatnonzero((position >= 0) & (position < count))
    if not len(ok):
        return np.zeros(0, np.intp), 0, 0
    start, stop = int(ok[0]), int(ok[-1]) + 1
    return position[start:stop].astype(np.intp), start, stop


def _inside(start: float, step: float, count: int, n_out: int, phase: float) -> tuple[int, int]:
    """Return the first and one past the last output whose sample position lies inside 0 .. count."""
    at_zero, at_end = -start / step - phase, (count - start) / step - phase
    low, high = min(at_zero, at_end), max(at_zero, at_end)
    first = min(max(math.ceil(low), 0), n_out)
    return first, max(first, min(math.floor(high) + 1, n_out))


def _span(low: float, high: float, count: int) -> tuple[int, int]:
    """Return whole pixel bounds, at least one pixel inside the image."""
    start = min(max(math.floor(low), 0), count - 1)
    return start, max(start + 1, min(math.ceil(high), count))
