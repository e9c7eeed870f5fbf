"""The five verbs for Python."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import uhd
from uhd.api import model_path
from uhd.load import default_model


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(10):
        pixels = np.random.default_rng(i).integers(90, 150, (64, 64, 3), np.uint8)
        pixels[10:50, 20:40] = 255
        cv2.imwrite(str(folder / f"{i}.png"), pixels)
        (folder / f"{i}.txt").write_text("0 0.465 0.47 0.31 0.62\n")
    return folder


def test_train_evaluate_export(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxslim")
    settings = {"cnn_width": 4, "batch_size": 4, "samples": 0, "split_seed": 3, "img_size": (64, 64)}
    run = uhd.train(photos, epochs=1, output=tmp_path, exp_name="a", threads=1, **settings)
    assert run.folder == tmp_path / "a"
    assert run.best.parent == run.folder
    assert "AP50" in run.metrics
    report = uhd.evaluate(run, photos)
    assert (report.about["part"], report.about["split"]["seed"], report.counts["images"]) == ("val", 3, 2)
    assert report.about["warnings"] == []
    assert report.thresholds["original"] == 0.15
    path = uhd.export(run, tmp_path / "a.onnx")
    detector = uhd.load(path)
    assert detector.spec.trained_on == uhd.load(run).spec.trained_on
    assert detector.val(photos).metrics["AP50"] == pytest.approx(report.metrics["AP50"], abs=0.05)


def test_a_network_without_a_file(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxslim")
    network = uhd.create_model(cnn_width=4)
    assert uhd.evaluate(network, photos).counts["images"] == 10
    assert uhd.load(uhd.export(network, tmp_path / "fresh.onnx")).spec.input_size == (64, 64)


def test_a_detector_is_measured_as_it_was_loaded(photos: Path) -> None:
    asked = {"resize_mode": "opencv_inter_linear", "nms_iou": 0.3}
    detector = uhd.load("nano", **asked, conf_thresh=0.77)
    report = uhd.evaluate(detector, photos)
    assert report.about["resize_mode"] == "opencv_inter_linear"
    assert report.metrics["AP50"] == uhd.evaluate("nano", photos, **asked).metrics["AP50"]
    assert report.thresholds["file"] == detector.val(photos).thresholds["file"] == 0.77
    # What is asked of the measurement wins over how it was loaded.
    other = detector.val(photos, resize_mode="torch_bilinear")
    assert (other.about["resize_mode"], other.thresholds["file"]) == ("torch_bilinear", 0.77)


def test_an_export_keeps_the_threshold_of_the_detector(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxslim")
    checkpoint = default_model().with_suffix(".safetensors")
    for options in ({"conf_thresh": 0.77}, {"resize_mode": "opencv_inter_linear"}):
        detector = uhd.load(checkpoint, **options)
        expected = options.get("conf_thresh", detector.spec.conf_thresh)
        assert uhd.load(uhd.export(detector, tmp_path / "o.onnx")).spec.conf_thresh == pytest.approx(expected)
        assert uhd.evaluate(detector, photos).thresholds["file"] == pytest.approx(expected)


def test_pictures(photos: Path, tmp_path: Path) -> None:
    detector = uhd.load()
    assert detector.plot(photos / "0.png").shape == (64, 64, 3)
    assert cv2.imread(str(detector.save(photos / "0.png", tmp_path / "drawn.png"))).shape == (64, 64, 3)
    with pytest.raises(uhd.UserError, match="not an image format"):
        detector.save(photos / "0.png", tmp_path / "drawn.xyz")


def test_a_packaged_model_is_a_checkpoint_for_exports_and_a_graph_for_measuring() -> None:
    for suffixes in ((".onnx",), (".safetensors",)):
        with model_path("nano", suffixes) as path:
            assert path.is_file()
            assert path.suffix in suffixes
    assert repr(uhd.load("nano")) == "<Detector of person, 64x64 opencv_inter_nearest>"


def test_flags_that_do_not_exist() -> None:
    pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"no flag 'epocks' \(did you mean 'epochs'\?\)"):
        uhd.train("photos", epocks=3)
    with pytest.raises(TypeError, match=r"did you mean 'split'"):
        uhd.evaluate(Path("x.onnx"), "photos", spilt="val")
    with pytest.raises(TypeError, match=r"data must be the path of a folder, .* not a dict"):
        uhd.train({"train": "photos"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no flag 'print_config'"):
        uhd.train("photos", print_config=True)
    with pytest.raises(uhd.UserError, match=r"^elsewhere/a: no such checkpoint"):
        uhd.train("photos", ckpt=uhd.Run(Path("elsewhere/a")), anchors=[(0.1, 0.2), (0.3, 0.4)])
    with pytest.raises(TypeError, match="int is no model"):
        uhd.evaluate(3, "photos")  # type: ignore[arg-type]
    with pytest.raises(uhd.UserError, match="read from files"):
        uhd.load("https://example.com/people.onnx")
