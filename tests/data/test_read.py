from __future__ import annotations

import base64
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.read import UnreadableImage, decode_image, is_image_name, read_image

# A plain 16x16 picture (red 200, green 80, blue 40) saved as a CMYK JPEG.
CMYK = (
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSwwMTQ0NB8nOT04Mj"
    "wuMzQy/8AAFAgAEAAQBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAAHBv/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZ"
    "AEsAAD8ApDHpOv4AAAD/2Q=="
)


def encode(image: np.ndarray, suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


def as_array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".JPG", ".jpeg", ".WebP"])
def test_formats_and_cases(tmp_path: Path, picture, suffix: str) -> None:
    image = picture(40, 60)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encode(image[..., ::-1], suffix.lower()))
    read = read_image(path)
    assert read.shape == (40, 60, 3)
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - image).mean() < (0.1 if suffix in {".png", ".bmp"} else 6)


def test_sixteen_bits_keep_the_high_byte(picture) -> None:
    image = picture(20, 30)
    data = encode(image[..., ::-1].astype(np.uint16) * 256 + 77, ".png")
    np.testing.assert_array_equal(decode_image(as_array(data)), image)


def test_gray_is_replicated(picture) -> None:
    gray = picture(20, 30)[..., 0]
    np.testing.assert_array_equal(decode_image(as_array(encode(gray, ".png"))), np.repeat(gray[..., None], 3, 2))


def test_alpha_is_dropped(picture) -> None:
    image = picture(20, 30)
    bgra = np.dstack([image[..., ::-1], np.zeros((20, 30), np.uint8)])
    np.testing.assert_array_equal(decode_image(as_array(encode(bgra, ".png"))), image)


def test_cmyk() -> None:
    image = decode_image(as_array(base64.b64decode(CMYK)))
    assert image.shape == (16, 16, 3)
    np.testing.assert_allclose(image.reshape(-1, 3).mean(0), [200, 80, 40], atol=6)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(1, lambda a: a), (3, lambda a: np.rot90(a, 2)), (6, lambda a: np.rot90(a, -1)), (8, lambda a: np.rot90(a, 1))],
)
def test_exif_orientation_is_applied(picture, orientation: int, turn) -> None:
    plain = encode(picture(32, 48)[..., ::-1], ".jpg")
    entry = struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + b"\0\0\0\0"
    turned = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    np.testing.assert_array_equal(decode_image(as_array(turned)), turn(decode_image(as_array(plain))))


def test_huge_image(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(encode(np.full((6000, 8000), 9, np.uint8), ".png"))
    assert read_image(path).shape == (6000, 8000, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.97])
def test_truncation_is_noticed(picture, suffix: str, share: float) -> None:
    data = encode(picture(60, 80), suffix)
    with pytest.raises(UnreadableImage, match=r"truncated|damaged|stream|not an image"):
        decode_image(as_array(data[: int(len(data) * share)]), "cut" + suffix)


def test_thumbnail_does_not_hide_a_truncated_jpeg(picture) -> None:
    photo, thumbnail = encode(picture(60, 80), ".jpg"), encode(picture(8, 8), ".jpg")
    exif = b"Exif\0\0" + thumbnail
    data = photo[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + photo[2:]
    assert decode_image(as_array(data)).shape == (60, 80, 3)
    with pytest.raises(UnreadableImage, match="truncated"):
        decode_image(as_array(data[:-40]))


def test_bytes_behind_the_end_are_harmless(picture) -> None:
    data = encode(picture(60, 80), ".jpg")
    assert decode_image(as_array(data + b"\0" * 100)).shape == (60, 80, 3)


def test_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "zero.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no image at all")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "nowhere.jpg")
    for name, reason in {
        "zero.jpg": "empty",
        "text.jpg": "not an image",
        "folder.jpg": "folder",
        "link.jpg": "leads nowhere",
        "none.jpg": "no such file",
    }.items():
        with pytest.raises(UnreadableImage, match=f"{name}: .*{reason}"):
            read_image(tmp_path / name)


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_an_image_or_a_reason(data: bytes) -> None:
    try:
        image = decode_image(as_array(data))
    except UnreadableImage:
        return
    assert image.ndim == 3


def test_image_names() -> None:
    assert is_image_name("a.JPG")
    assert is_image_name("a.b.WebP")
    assert not is_image_name("a.txt")
    assert not is_image_name("jpg")
