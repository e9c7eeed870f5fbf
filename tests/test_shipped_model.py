"""The model in the package is the one its card describes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import uhd
from uhd.boxes import iou_matrix
from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.errors import UserError
from uhd.evaluation.dataset import evaluate_dataset
from uhd.load import default_model
from uhd.model_file import model_file
from uhd.read import read_image

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_it_is_small_and_says_how_to_feed_it() -> None:
    assert default_model().stat().st_size < 3_000_000
    spec = uhd.load().spec
    assert (spec.input_size, spec.resize_mode, spec.class_names) == ((64, 64), "opencv_inter_nearest", ("person",))
    assert spec.licence == "Apache-2.0"  # its backbone began as weights under it


@pytest.mark.parametrize("name", ["astronaut", "cameraman", "grace_hopper"])
def test_it_finds_the_one_person_of_each_example(name: str) -> None:
    image = read_image(EXAMPLES / f"{name}.jpg")
    found = uhd.load()(image)
    assert len(found) == 1
    width, height = image.shape[1], image.shape[0]
    area = np.prod(found.xyxy[0, 2:] - found.xyxy[0, :2]) / (width * height)
    assert area > 0.3


def test_eight_bits_see_what_the_float_weights_see() -> None:
    images = [read_image(path) for path in sorted(EXAMPLES.glob("*.jpg"))]
    quantised, exact = uhd.load(), uhd.load(model_file("package", (".safetensors",)))
    assert quantised.spec.precision == "int8"
    for image in images:
        wanted = exact(image, 0.4)
        found = quantised(image, 0.25)
        assert len(wanted)
        overlap = iou_matrix(wanted.xyxy, found.xyxy)
        assert overlap.max(1).min() > 0.8
        np.testing.assert_allclose(found.scores[overlap.argmax(1)], wanted.scores, atol=0.1)


def test_the_float_file_equals_the_weights_it_was_made_from() -> None:
    images = [read_image(path) for path in sorted(EXAMPLES.glob("*.jpg"))]
    by_onnx, by_torch = (uhd.load(model_file("small", (each,))) for each in (".onnx", ".safetensors"))
    for a, b in zip(by_onnx.predictor.predict(images), by_torch.predictor.predict(images), strict=True):
        np.testing.assert_allclose(a.xyxy, b.xyxy, atol=0.1)
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-4)


def test_the_small_one_fits_a_chip_and_finds_them_too() -> None:
    assert model_file("nano").stat().st_size <= 250_000
    detector = uhd.load("nano")
    assert (detector.spec.precision, detector.spec.licence, detector.spec.version[:7]) == ("int8", "MIT", "sha256:")
    assert all(len(detector(read_image(EXAMPLES / f"{name}.jpg"), 0.3)) for name in ("cameraman", "grace_hopper"))


@pytest.mark.parametrize("name", ["package", "small", "nano"])
def test_names_mean_what_the_package_brings_unless_a_file_has_that_name(name: str, tmp_path: Path) -> None:
    assert model_file(name, (".safetensors",)).suffix == ".safetensors"
    with pytest.raises(UserError, match=rf"^{name}: this installation brings no such model \(.tflite\)"):
        model_file(name, (".tflite",))
    (tmp_path / name).touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert model_file(name) == Path(name)


@pytest.mark.shared
def test_its_accuracy_on_real_photographs(people: Path) -> None:
    data = DataConfig(image_dir=people)
    opened = open_data(data)
    report = evaluate_dataset(uhd.load().predictor, read_dataset(opened.val, data, opened.report, progress=False))
    assert report.counts["images"] == 366
    assert report.metrics["AP50"] > 0.38
    exact = uhd.load(model_file("package", (".safetensors",))).spec.metrics["AP50"]
    assert report.metrics["AP50"] == pytest.approx(exact, abs=0.01)
