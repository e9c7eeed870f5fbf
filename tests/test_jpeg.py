"""Damage is found in the bytes alone, so it does not matter which libjpeg decodes or whether that one warns."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest

from uhd.jpeg import jpeg_damage
from uhd.read import UnreadableImage, decode_image, orientation_of

Image = pytest.importorskip("PIL.Image")


def picture(height: int = 240, width: int = 320) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([np.sin(x / 9) * 90 + 120, np.cos(y / 7) * 90 + 120, (x * y) % 255], 2).astype(np.uint8)


def encoded(image: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", **options)
    return stream.getvalue()


def is_refused(data: bytes) -> bool:
    try:
        decode_image(np.frombuffer(data, np.uint8))
    except UnreadableImage:
        return True
    return False


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("optimize", [False, True])
def test_data_that_end_early_or_have_a_hole_are_refused(subsampling: int, optimize: bool) -> None:
    whole = encoded(picture(), subsampling=subsampling, optimize=optimize)
    assert not is_refused(whole)
    third = len(whole) // 3
    assert is_refused(whole[:third] + b"\xff\xd9")
    assert is_refused(whole[:third])
    assert is_refused(whole[:third] + bytes(3000) + whole[third + 3000 :])


def test_an_upright_photograph_that_lies_is_looked_at_as_it_is_stored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = encoded(picture(160, 400), exif=exif)
    assert orientation_of(np.frombuffer(whole, np.uint8)) == 6
    assert not is_refused(whole)
    assert is_refused(whole[: len(whole) // 2] + b"\xff\xd9")


@pytest.mark.parametrize("seed", range(12))
def test_sound_pictures_with_flat_parts_are_taken(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(9, 120, 2).tolist()
    image = cv2.resize(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8), (width, height))
    if seed % 3:
        image[height // 2 :] = rng.integers(256)
    if seed % 4 == 0:
        image[:] = 0  # optimised tables write this as zeros
    options = {"quality": int(rng.integers(20, 98)), "subsampling": seed % 3, "optimize": bool(seed % 2)}
    assert not is_refused(encoded(image, progressive=seed % 5 == 0, **options))
    assert not is_refused(encoded(image[..., 0], **options))


def test_the_end_marker_of_a_thumbnail_is_not_the_end() -> None:
    thumbnail = encoded(picture(16, 16))
    whole = encoded(picture(64, 64))
    header = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    inside = whole[:2] + header + whole[2:]
    assert jpeg_damage(np.frombuffer(inside, np.uint8)) == ""
    assert jpeg_damage(np.frombuffer(inside[:-2], np.uint8)) == "the JPEG is truncated (no end marker)"
