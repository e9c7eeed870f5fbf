from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.detections import Detections
from uhd.errors import UserError
from uhd.runtime.detector import Detector, as_rgb

from .conftest import FixedPredictor

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), RGB[:, :, ::-1])
    return path


def test_one_in_one_out_and_a_list_gives_a_list(predictor: FixedPredictor, picture: Path) -> None:
    detector = Detector(predictor)
    one = detector(picture)
    assert isinstance(one, Detections)
    assert one.image_size == (20, 30)
    many = detector([picture, str(picture), RGB])
    assert [found.xyxy.tolist() for found in many] == [one.xyxy.tolist()] * 3
    assert detector([]) == []
    assert len(predictor.fed) == 2


def test_every_form_of_an_image_is_the_same_image(picture: Path) -> None:
    assert np.array_equal(as_rgb(picture), RGB)
    assert np.array_equal(as_rgb(str(picture)), RGB)
    assert np.array_equal(as_rgb(RGB[:, :, ::-1], bgr=True), RGB)
    assert np.array_equal(as_rgb(np.dstack([RGB, RGB[:, :, :1]])), RGB)
    gray = RGB[:, :, 0]
    assert np.array_equal(as_rgb(gray), np.dstack([gray] * 3))
    assert np.array_equal(as_rgb(gray[:, :, None]), np.dstack([gray] * 3))


def test_pil_images_of_any_mode(picture: Path) -> None:
    image = pytest.importorskip("PIL.Image").open(picture)
    assert np.array_equal(as_rgb(image), RGB)
    assert as_rgb(image.convert("L")).shape == RGB.shape
    assert as_rgb(image.convert("RGBA")).shape == RGB.shape


def test_views_of_arrays_are_detected_in_like_copies(predictor: FixedPredictor) -> None:
    detector = Detector(predictor)
    flipped = RGB[::-1, ::-1]
    detector(flipped)
    detector(flipped.copy())
    assert np.array_equal(predictor.fed[0], predictor.fed[1])
    detector(np.asfortranarray(RGB), bgr=True)
    detector(RGB[:, :, ::-1])
    assert np.array_equal(predictor.fed[2], predictor.fed[3])


@pytest.mark.parametrize(
    "bad",
    [
        RGB.astype(np.float32),
        RGB[None],
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 5, 2), np.uint8),
        42,
        None,
    ],
)
def test_other_things_are_refused_with_their_form(bad: object) -> None:
    with pytest.raises(UserError, match="image array must"):
        as_rgb(bad)


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("not an image")
    for path, reason in (
        (tmp_path / "no.jpg", "no such file"),
        ("https://host/a.jpg", "https://host/a.jpg: addresses are not fetched"),
        (tmp_path / "note.jpg", "note.jpg"),
        (tmp_path, "fold"),
    ):
        with pytest.raises(UserError, match=reason):
            as_rgb(path)


@pytest.mark.parametrize("bad", ["0.5", 50, -1, float("nan"), True])
@pytest.mark.parametrize("name", ["conf_thresh", "nms_iou"])
def test_thresholds_that_are_none(predictor: FixedPredictor, name: str, bad: object) -> None:
    with pytest.raises(UserError, match=f"{name} is a number from 0 to 1"):
        Detector(predictor)(RGB, **{name: bad})  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("bad", "how"),
    [
        (None, "cv2.imread"),
        (RGB.transpose(2, 0, 1), "transpose"),
        (RGB[None], "as a list"),
        (RGB / 255, "255"),
        ("http://x/y.jpg", "not fetched"),
    ],
)
def test_what_is_refused_says_how_to_mend_it(bad: object, how: str) -> None:
    with pytest.raises(UserError, match=how):
        as_rgb(bad)


def test_pil_images_know_their_channels_and_broken_ones_are_named(picture: Path, tmp_path: Path) -> None:
    open_image = pytest.importorskip("PIL.Image").open
    assert np.array_equal(as_rgb(open_image(picture), bgr=True), RGB)
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:200])
    with pytest.raises(UserError, match="cannot be taken as an image"):
        as_rgb(open_image(tmp_path / "cut.png"))


def test_a_picture_is_not_saved_over_the_one_it_shows(predictor: FixedPredictor, picture: Path) -> None:
    before = picture.read_bytes()
    with pytest.raises(UserError, match="would replace"):
        Detector(predictor).save(str(picture), picture.parent / "." / picture.name)
    assert picture.read_bytes() == before
