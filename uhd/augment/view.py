"""A sample seen through a window: geometric operations move the window, the pixels are read once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.resize import is_point_sampling, resize_image
from uhd.sample import Sample

FILL = 114
Window = tuple[float, float, float, float]
WHOLE: Window = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class View:
    """What of a source image will be shown, and the boxes as they will appear.

    Attributes:
        image: (H, W, 3) uint8 source, any size.
        window: left, top, right, bottom of the shown part in source coordinates (0 to 1 inside the image; beyond it
            the output is filled with gray 114).
        mirror_x, mirror_y: the shown part is flipped after it is cut out.
        boxes: (N, 4) ``xyxy`` normalised to the output, clipped to it.
        labels: (N,) class positions.
        ignore: (M, 4) regions, normalised to the output.
        phase: where inside its output pixel a point sample is taken, per axis, 0 to 1; 0 is what deployment does.
        name: of the sample.
    """

    image: NDArray[np.uint8]
    window: Window
    mirror_x: bool
    mirror_y: bool
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignore: NDArray[np.float32]
    phase: tuple[float, float]
    name: str

    @classmethod
    def of(cls, sample: Sample) -> View:
        """Show the whole sample."""
        return cls(
            sample.image, WHOLE, False, False, sample.boxes, sample.labels, sample.ignore, (0.0, 0.0), sample.name
        )

    def crop(self, window: Window, min_visibility: float = 0.0) -> View:
        """Show only a window of the present output (it may reach beyond).

        Args:
            window: left, top, right, bottom in present output coordinates.
            min_visibility: boxes of which a smaller share remains become ignore regions.
        """
        a0, b0, a1, b1 = window
        scale = np.array([a1 - a0, b1 - b0, a1 - a0, b1 - b0], np.float32)
        offset = np.array([a0, b0, a0, b0], np.float32)
        boxes, share = _clip((self.boxes - offset) / scale)
        keep = (share >= min_visibility) & (share > 0)
        cut = boxes[~keep & (share > 0)]
        ignore, left = _clip((self.ignore - offset) / scale)
        if self.mirror_x:
            a0, a1 = 1 - a1, 1 - a0
        if self.mirror_y:
            b0, b1 = 1 - b1, 1 - b0
        x0, y0, x1, y1 = self.window
        width, height = x1 - x0, y1 - y0
        return replace(
            self,
            window=(x0 + a0 * width, y0 + b0 * height, x0 + a1 * width, y0 + b1 * height),
            boxes=boxes[keep],
            labels=self.labels[keep],
            ignore=np.concatenate([ignore[left > 0], cut]),
        )

    def flip_x(self) -> View:
        """Mirror left and right."""
        return replace(self, mirror_x=not self.mirror_x, boxes=_mirror(self.boxes, 0), ignore=_mirror(self.ignore, 0))

    def flip_y(self) -> View:
        """Mirror top and bottom."""
        return replace(self, mirror_y=not self.mirror_y, boxes=_mirror(self.boxes, 1), ignore=_mirror(self.ignore, 1))

    def placed(self, area: Window) -> View:
        """Return the view with its boxes moved into a part of a larger output: left, top, right, bottom in it."""
        left, top, right, bottom = area
        scale = np.array([right - left, bottom - top] * 2, np.float32)
        offset = np.array([left, top] * 2, np.float32)
        return replace(self, boxes=self.boxes * scale + offset, ignore=self.ignore * scale + offset)

    def read_into(self, out: NDArray[np.uint8], mode: str) -> None:
        """Read the shown part into (h, w, 3), by point sampling or interpolation as the resize mode says."""
        h, w = out.shape[:2]
        if self.window == WHOLE and self.phase == (0.0, 0.0):
            pixels = resize_image(self.image, (h, w), mode)
        elif is_point_sampling(mode):
            self._sample_points(out)
            return
        else:
            pixels = self._interpolate(h, w)
        out[:] = pixels[:: -1 if self.mirror_y else 1, :: -1 if self.mirror_x else 1]

    def _sample_points(self, out: NDArray[np.uint8]) -> None:
        rows = _indices(self.window[1], self.window[3], self.image.shape[0], out.shape[0], self.phase[1])
        columns = _indices(self.window[0], self.window[2], self.image.shape[1], out.shape[1], self.phase[0])
        if self.mirror_y:
            rows = rows[::-1]
        if self.mirror_x:
            columns = columns[::-1]
        top, bottom = _inside(rows, self.image.shape[0])
        left, right = _inside(columns, self.image.shape[1])
        if bottom - top < out.shape[0] or right - left < out.shape[1]:
            out[:] = FILL
        part = self.image.take(rows[top:bottom], 0).take(columns[left:right], 1)
        out[top:bottom, left:right] = part

    def _interpolate(self, h: int, w: int) -> NDArray[np.uint8]:
        x0, y0, x1, y1 = self.window
        sx, sy = (x1 - x0) * self.image.shape[1] / w, (y1 - y0) * self.image.shape[0] / h
        # cv2 counts pixel centres as whole numbers; the half pixels keep both grids aligned at their edges.
        matrix = np.array(
            [
                [sx, 0, x0 * self.image.shape[1] + sx / 2 - 0.5],
                [0, sy, y0 * self.image.shape[0] + sy / 2 - 0.5],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(self.image, matrix, (w, h), flags=flags, borderValue=(FILL, FILL, FILL)), np.uint8
        )

    def render(self, size: tuple[int, int], mode: str) -> Sample:
        """Read the pixels at network size (h, w)."""
        out = np.empty((*size, 3), np.uint8)
        self.read_into(out, mode)
        return Sample(out, self.boxes, self.labels, self.ignore, self.name)


def _indices(low: float, high: float, count: int, n_out: int, phase: float) -> NDArray[np.int64]:
    step = (high - low) * count / n_out
    return np.asarray(np.floor(low * count + (np.arange(n_out) + phase) * step), np.int64)


def _inside(index: NDArray[np.int64], count: int) -> tuple[int, int]:
    ok = np.flatnonzero((index >= 0) & (index < count))
    return (int(ok[0]), int(ok[-1]) + 1) if len(ok) else (0, 0)


def _clip(boxes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return boxes clipped to the output and the share of each one's area that is left."""
    if not len(boxes):
        return boxes, np.zeros(0, np.float32)
    clipped = np.clip(boxes, 0, 1)
    size, full = clipped[:, 2:] - clipped[:, :2], boxes[:, 2:] - boxes[:, :2]
    return clipped, np.asarray(size.prod(1) / np.maximum(full.prod(1), 1e-12), np.float32)


def _mirror(boxes: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    flipped = boxes.copy()
    flipped[:, axis], flipped[:, axis + 2] = 1 - boxes[:, axis + 2], 1 - boxes[:, axis]
    return flipped
