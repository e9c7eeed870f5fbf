"""An image file as RGB uint8, whatever its depth, colour model or orientation; damage is named, not guessed around."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.jpeg import jpeg_damage, jpeg_ends_early

# HEIC and others that OpenCV may not read are looked for all the same: what cannot be used is to be named.
IMAGE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".bmp",
        ".webp",
        ".tif",
        ".tiff",
        ".gif",
        ".avif",
        ".jp2",
        ".heic",
        ".heif",
    }
)
_JPEG = b"\xff\xd8"
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC"}


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


def why_unreadable(path: Path) -> str:
    """Return which file cannot be read and why, "" for one that can."""
    try:
        read_image(path)
    except UnreadableImage as error:
        return str(error)
    return ""


def decode_image(data: NDArray[np.uint8], where: str = "image") -> NDArray[np.uint8]:
    """Decode the bytes (N,) of an image file to (H, W, 3) RGB; see :func:`read_image`. ``where`` names it in errors."""
    if data.size == 0:
        raise UnreadableImage(f"{where}: the file is empty")
    reason = _truncation(data)
    if reason:
        raise UnreadableImage(f"{where}: {reason}")
    try:
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error as error:
        told = " ".join(str(error.err or error).split())
        if "CV_IO_MAX_IMAGE" in told:
            told = "has more pixels than OpenCV reads (2^30): save it smaller"
        raise UnreadableImage(f"{where}: {told}") from error
    if decoded is None:
        kind = _kind(data)
        told = f"is {kind}, which this OpenCV cannot read (or it is damaged): save it as PNG or JPEG" if kind else ""
        raise UnreadableImage(f"{where}: {told or 'is not an image, or damaged'}")
    image: NDArray[np.uint8] = np.asarray(decoded, np.uint8)
    if _ends_early(data, image):
        raise UnreadableImage(f"{where}: the JPEG is truncated (its data end before the picture does)")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image), dtype=np.uint8)


def _read_bytes(path: Path) -> NDArray[np.uint8]:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a pipe waits for its other end
            raise UnreadableImage(f"{path}: is a pipe or a device, not a file")
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
    if head[:2] == _JPEG:
        return jpeg_damage(data)
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "" if data.tobytes().rfind(b"IEND") > 0 else "the PNG is truncated (no end chunk)"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "" if int.from_bytes(head[4:8], "little") + 8 <= data.size else "the WebP is truncated"
    return ""


def _ends_early(data: NDArray[np.uint8], image: NDArray[np.uint8]) -> bool:
    """Return whether a JPEG's data end before its picture; ``image`` may be turned by EXIF already.

    What a decoder paints over missing data is flat, so only a picture with a flat corner is looked at closely.
    """
    if data[:2].tobytes() != _JPEG:
        return False
    corners = (image[-8:, -8:], image[:8, :8], image[:8, -8:], image[-8:, :8])
    if not any((part == part[0, 0]).all() for part in corners):
        return False
    height, width = image.shape[:2]
    turned = orientation_of(data) > 4
    return jpeg_ends_early(data, width if turned else height, height if turned else width)


def orientation_of(data: NDArray[np.uint8]) -> int:
    """Return the EXIF orientation, 1 to 8, of a JPEG's bytes; 1 where there is none."""
    raw = data[: 1 << 17].tobytes()
    at = raw.find(b"Exif\0\0")
    if at < 0 or not raw.startswith(_JPEG):
        return 1
    tiff = raw[at + 6 :]
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"
    first = int.from_bytes(tiff[4:8], order)
    for number in range(int.from_bytes(tiff[first : first + 2], order)):
        entry = tiff[first + 2 + 12 * number : first + 14 + 12 * number]
        if int.from_bytes(entry[:2], order) == 0x0112:
            value = int.from_bytes(entry[8:10], order)
            return value if 1 <= value <= 8 else 1
    return 1


def _kind(data: NDArray[np.uint8]) -> str:
    """Return the name of a format that not every OpenCV reads, or ""."""
    head = data[:12].tobytes()
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "")
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "TIFF"
    if head[:4] == b"GIF8":
        return "GIF"
    return "JPEG 2000" if head[4:8] == b"jP  " or head[:4] == b"\xff\x4f\xff\x51" else ""
