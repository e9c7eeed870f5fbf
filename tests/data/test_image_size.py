"""The size that a header says is that of the picture as it is read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.data.image_size import shown_size
from uhd.read import read_image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_png_that_exif_turns(tmp_path: Path, orientation: int, behind: bool) -> None:
    done, data = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8))
    assert done
    plain, path = data.tobytes(), tmp_path / "a.png"
    entry = struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0)
    exif = chunk(b"eXIf", b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + b"\0\0\0\0")
    at = len(plain) - 12 if behind else 33
    path.write_bytes(plain[:at] + exif + plain[at:])
    assert shown_size(path) == read_image(path).shape[:2]
    assert behind or shown_size(path) == ((60, 40) if orientation > 4 else (40, 60))
