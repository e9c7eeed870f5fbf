"""An image file as RGB uint8, whatever its depth, colour model or orientation; damage is named, not guessed around."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


class UnreadableImage(Exception):
    """An image file that cannot be used; the message says which and why."""


def is_image_name(name: str) -> bool:
    """Return whether a file name ends like an image, in any case."""
    return name[name.rfind(".") :].lower() in IMAGE_SUFFIXES if "." in name else False


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode an image file.

    Gray is replicated, 16 bits are reduced to 8, alpha is dropped, CMYK is converted, EXIF orientation is applied.
    The content decides the format, not the suffix.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        UnreadableImage: folder, dangling link, empty, truncated, or no image at all.
    """
    return decode_image(_read_bytes(path), str(path))


def decode_image(data: NDArray[np.uint8], where: str = "image") -> NDArray[np.uint8]:
    """Decode the bytes of an image file; see :func:`read_image`. ``where`` names it in errors."""
    if data.size == 0:
        raise UnreadableImage(f"{where}: the file is empty")
    reason = _truncation(data)
    if reason:
        raise UnreadableImage(f"{where}: {reason}")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadableImage(f"{where}: {' '.join(str(error.err or error).split())}") from error
    if image is None:
        raise UnreadableImage(f"{where}: is not an image, or damaged")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image), dtype=np.uint8)


def _read_bytes(path: Path) -> NDArray[np.uint8]:
    try:
        return np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError:
        what = "the link leads nowhere" if path.is_symlink() else "there is no such file"
        raise UnreadableImage(f"{path}: {what}") from None
    except IsADirectoryError:
        raise UnreadableImage(f"{path}: is a folder, not an image") from None
    except OSError as error:
        raise UnreadableImage(f"{path}: {error.strerror or error}") from None


def _truncation(data: NDArray[np.uint8]) -> str:
    """Return why the bytes cannot be a whole image, or "". Decoders fill what is missing with gray and say nothing."""
    head = data[:16].tobytes()
    if head[:2] == b"\xff\xd8":
        return "" if _jpeg_ends(data.tobytes()) else "the JPEG is truncated (no end marker)"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "" if data.tobytes().rfind(b"IEND") > 0 else "the PNG is truncated (no end chunk)"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "" if int.from_bytes(head[4:8], "little") + 8 <= data.size else "the WebP is truncated"
    return ""


def _jpeg_ends(data: bytes) -> bool:
    """Return whether an end-of-image marker follows the first scan.

    The search starts behind the headers because an EXIF thumbnail is a JPEG of its own with its own end marker. Inside
    a scan 0xFF is always followed by 0x00 or a restart marker, so FF D9 there is the end.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == 0xDA:
            return data.find(b"\xff\xd9", at + 2) >= 0
        at += 2 if 0xD0 <= marker <= 0xD7 or marker == 0x01 else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data.find(b"\xff\xd9", min(at, len(data))) >= 0
