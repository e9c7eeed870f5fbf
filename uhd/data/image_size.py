"""The size of an image from the first bytes of its file: nothing is decoded where the header says it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from uhd.jpeg import read_layout
from uhd.read import UnreadableImage, orientation_of, read_image

_HEAD = 1 << 16
_PNG = b"\x89PNG\r\n\x1a\n"


def shown_size(path: Path) -> tuple[int, int]:
    """Return (height, width) in pixels of the picture as it is shown, turned where EXIF says so.

    Raises:
        UnreadableImage: no such file, or no image.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_HEAD)
            size = _header_size(raw) or (_header_size(raw + file.read()) if len(raw) == _HEAD else None)
            if raw.startswith(_PNG) and _png_has_exif(file):
                size = None  # the picture may be turned: its reader knows
    except OSError as error:
        raise UnreadableImage(f"{path}: {error.strerror or error}") from None
    if size is None:
        height, width = read_image(path).shape[:2]
        return height, width
    if orientation_of(np.frombuffer(raw, np.uint8)) > 4:
        return size[1], size[0]
    return size


def _png_has_exif(file: BinaryIO) -> bool:
    """Return whether a PNG holds an ``eXIf`` chunk, which may stand behind the picture; only heads of chunks are read.

    See https://www.w3.org/TR/png-3/#eXIf.
    """
    file.seek(len(_PNG))
    while len(head := file.read(8)) == 8 and head[4:] != b"IEND":
        if head[4:] == b"eXIf":
            return True
        file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False


def _header_size(raw: bytes) -> tuple[int, int] | None:
    """Return the stored (height, width) of a JPEG, PNG, GIF or BMP; None for others, whose headers are longer tales."""
    size = (0, 0)
    if raw[:2] == b"\xff\xd8":
        size = read_layout(raw).size
    elif raw.startswith(_PNG) and raw[12:16] == b"IHDR":
        size = int.from_bytes(raw[20:24], "big"), int.from_bytes(raw[16:20], "big")
    elif raw[:4] == b"GIF8":
        size = int.from_bytes(raw[8:10], "little"), int.from_bytes(raw[6:8], "little")
    elif raw[:2] == b"BM" and len(raw) > 26 and int.from_bytes(raw[14:18], "little") >= 40:
        size = (
            abs(int.from_bytes(raw[22:26], "little", signed=True)),
            int.from_bytes(raw[18:22], "little", signed=True),
        )
    return size if min(size) > 0 else None
