"""The resize modes a detector can be trained and deployed with, bit-exact with the library each names.

One is not: ``torch_bilinear`` is OpenCV's INTER_LINEAR, the same as ``opencv_inter_linear``. On bytes
``torch.nn.functional.interpolate`` differs from it by one level, in up to two fifths of the values.
"""

from __future__ import annotations

from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError, nearest

Image = NDArray[np.uint8]
RESIZE_MODES = (
    "torch_bilinear",
    "torch_nearest",
    "opencv_inter_linear",
    "opencv_inter_nearest",
    "opencv_inter_nearest_y",
    "opencv_inter_nearest_y_bin",
    "opencv_inter_nearest_y_tri",
    "opencv_inter_nearest_yuv422",
)

_WHITE = np.float32(255)

# UHD-keras' names for what it does with OpenCV, too.
KERAS_NAMES = {"keras_bilinear": "opencv_inter_linear", "keras_nearest": "opencv_inter_nearest"}


@cache
def canonical_mode(name: str) -> str:
    """Return the mode's name in lower case with underscores; UHD-keras' names are names of the same modes.

    Raises:
        UserError: no such mode.
    """
    if name in RESIZE_MODES:
        return name
    mode = name.lower().replace("-", "_")
    mode = KERAS_NAMES.get(mode, mode)
    if mode not in RESIZE_MODES:
        raise UserError(f"unknown resize mode {name!r}{nearest(mode, RESIZE_MODES)}: choose from {RESIZE_MODES}")
    return mode


def parse_size(text: str) -> tuple[int, int]:
    """Parse ``"64x48"`` (height x width) or ``"64"`` (square) to (height, width).

    Raises:
        ValueError: not one or two positive whole numbers.
    """
    parts = text.lower().replace("x", " ").replace(",", " ").split()
    if not 1 <= len(parts) <= 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ValueError("is not a size such as 64x64 (height x width)")
    return int(parts[0]), int(parts[-1])


def format_size(size: tuple[int, int]) -> str:
    """Return ``"HxW"``."""
    return f"{size[0]}x{size[1]}"


@cache
def input_channels(mode: str) -> int:
    """Return the channels of the network input: 3 for RGB, 2 for packed YUV, 1 for the luma modes."""
    mode = canonical_mode(mode)
    if mode.endswith("yuv422"):
        return 2
    return 1 if "_y" in mode else 3


@cache
def is_point_sampling(mode: str) -> bool:
    """Whether the mode picks single pixels rather than interpolating."""
    return "nearest" in canonical_mode(mode)


def sample_indices(n_in: int, n_out: int, library: str = "cv2") -> NDArray[np.int64]:
    """Return which source index, 0 to n_in - 1, each output index reads (n_out,), exactly as the library computes it.

    Args:
        n_in: source length.
        n_out: output length.
        library: ``cv2`` (double arithmetic on the rounded inverse ratio) or ``torch`` (single precision).

    Raises:
        ValueError: another library.
    """
    if library not in ("cv2", "torch"):
        raise ValueError(f"library must be 'cv2' or 'torch', not {library!r}")
    i = np.arange(n_out)
    if library == "torch":
        scale = np.float32(n_in) / np.float32(n_out)
        index = np.floor(i.astype(np.float32) * scale).astype(np.int64)
    else:
        index = np.floor(i * (1.0 / (n_out / n_in))).astype(np.int64)
    return np.asarray(np.minimum(index, n_in - 1))


def resize_image(image: Image, size: tuple[int, int], mode: str) -> Image:
    """Resize an RGB image to the network size; the colour conversion of the luma modes is left to :func:`to_network`.

    Args:
        image: (H, W, 3) uint8.
        size: (height, width).
        mode: one of ``RESIZE_MODES``.

    Returns:
        (height, width, 3) uint8; the very array given when it already has the size.

    Raises:
        UserError: no such mode.
    """
    mode = canonical_mode(mode)
    h, w = size
    if image.shape[:2] == (h, w):
        return image
    if mode == "torch_nearest":
        rows, columns = sample_indices(image.shape[0], h, "torch"), sample_indices(image.shape[1], w, "torch")
        return np.ascontiguousarray(image.take(rows, 0).take(columns, 1))
    flag = cv2.INTER_NEAREST if is_point_sampling(mode) else cv2.INTER_LINEAR
    return cast("Image", cv2.resize(image, (w, h), interpolation=flag))


def to_network(images: Image, mode: str, channels_last: bool = False) -> NDArray[np.float32]:
    """Turn a batch at network size into the network's input.

    Args:
        images: (B, h, w, 3) uint8 RGB.
        mode: one of ``RESIZE_MODES``; decides the channels.
        channels_last: keep the channels of a pixel side by side in memory; shape and values stay the same.

    Returns:
        (B, C, h, w) float32 in [0, 1], contiguous, or a view of contiguous (B, h, w, C).

    Raises:
        UserError: no such mode, or packed YUV with an odd width.
    """
    mode = canonical_mode(mode)
    channels = input_channels(mode)
    b, h, w, _ = images.shape
    if channels == 2 and w % 2:
        raise UserError(f"packed YUV needs an even width, not {w}: choose an image size such as {h}x{w + 1}")
    if channels_last:
        out = np.empty((b, h, w, channels), np.float32).transpose(0, 3, 1, 2)
    else:
        out = np.empty((b, channels, h, w), np.float32)
    if not out.size:
        return out
    if channels < 3:
        # Colour conversion knows no neighbouring rows, so the batch is converted as one tall image.
        tall = np.ascontiguousarray(images).reshape(b * h, w, 3)
        if channels == 1:
            luma = cv2.extractChannel(cv2.cvtColor(tall, cv2.COLOR_RGB2YUV), 0)
            return np.asarray(cv2.LUT(luma, _luma_levels(mode)), np.float32).reshape(out.shape)
        images = np.asarray(cv2.cvtColor(tall, cv2.COLOR_RGB2YUV_YUYV), np.uint8).reshape(b, h, w, 2)
    out[:] = images.transpose(0, 3, 1, 2)
    # A division: the product with 1/255 differs from it in the last bit of every other level.
    out /= _WHITE
    return out


@cache
def _luma_levels(mode: str) -> NDArray[np.float32]:
    """Return the network input (256,) of every 8-bit luma."""
    y = np.arange(256, dtype=np.float32) / np.float32(255)
    if mode.endswith("_bin"):
        return (y >= 0.5).astype(np.float32)
    if mode.endswith("_tri"):
        return (0.5 * (y >= 1 / 3) + 0.5 * (y >= 2 / 3)).astype(np.float32)
    return y
