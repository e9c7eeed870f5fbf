from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.heads import decode
from uhd.runtime.onnx import OnnxPredictor

from .conftest import ROWS, some_layout, write_constant_model

MERGED = {"score_classid_cxcywh": ROWS}
META = ModelSpec(conf_thresh=0.5).to_metadata()


def test_merged_rows_become_boxes_and_scores(tmp_path: Path) -> None:
    predictor = OnnxPredictor(write_constant_model(tmp_path / "m.onnx", MERGED, META))
    boxes, scores = predictor.infer(np.zeros((1, 3, 64, 64), np.float32))[0]
    assert boxes[0].tolist() == pytest.approx([0.25, 0.375, 0.75, 0.625])
    assert scores.tolist() == ROWS[:, :1].tolist()
    found = predictor.predict([np.zeros((100, 200, 3), np.uint8)])[0]
    assert found.xyxy.tolist() == [pytest.approx([50, 37.5, 150, 62.5])]


def test_rows_without_a_score_are_no_predictions(tmp_path: Path) -> None:
    rows = np.array([[0.9, 0, 0.5, 0.5, 0.2, 0.2], [0.0, 0, 0.2, 0.2, 0.2, 0.2]], np.float32)
    predictor = OnnxPredictor(write_constant_model(tmp_path / "m.onnx", {"score_classid_cxcywh": rows}, META))
    assert predictor.predict([np.zeros((9, 9, 3), np.uint8)], 0.0)[0].scores.tolist() == [np.float32(0.9)]


def test_class_ids_beyond_the_names_are_kept(tmp_path: Path) -> None:
    rows = np.array([[0.9, 4, 0.5, 0.5, 0.2, 0.2], [0.8, 1, 0.2, 0.2, 0.2, 0.2]], np.float32)
    path = write_constant_model(tmp_path / "m.onnx", {"score_classid_cxcywh": rows}, META)
    found = OnnxPredictor(path).predict([np.zeros((10, 10, 3), np.uint8)])[0]
    assert found.class_ids.tolist() == [4, 1]
    assert found.name_of(4) == "4"


@pytest.mark.parametrize(("batch", "images"), [(1, 3), (2, 3), ("B", 3), (4, 4)])
def test_any_number_of_images_whatever_the_files_batch(tmp_path: Path, batch: int | str, images: int) -> None:
    path = write_constant_model(tmp_path / "m.onnx", MERGED, META, shape=(batch, 3, 64, 64))
    found = OnnxPredictor(path).infer(np.random.default_rng(0).random((images, 3, 64, 64), dtype=np.float32))
    assert len(found) == images
    assert all(np.array_equal(scores, ROWS[:, :1]) for _, scores in found)


@pytest.mark.parametrize("form", ["concatenated", "parts"])
def test_raw_maps_are_decoded(tmp_path: Path, form: str) -> None:
    layout = some_layout(2, True, "quality_cls")
    raw = np.random.default_rng(0).normal(size=(1, 24, 4, 5)).astype(np.float32)
    maps = raw.reshape(3, 8, 4, 5)
    outputs = {"txtywh_obj_quality_cls_x8": raw[0]}
    if form == "parts":
        outputs = {
            "box": maps[:, :4].reshape(12, 4, 5), "quality": maps[:, 5], "cls": maps[:, 6:].reshape(6, 4, 5)
        }  # fmt: skip
    outputs |= {"anchors": layout.anchors, "wh_scale": layout.wh_scale}
    meta = ModelSpec((32, 40), class_names=("a", "b")).to_metadata() | {"score_mode": "quality_cls"}
    path = write_constant_model(tmp_path / "m.onnx", outputs, meta, shape=(1, 3, 32, 40))
    boxes, scores = OnnxPredictor(path).infer(np.zeros((1, 3, 32, 40), np.float32))[0]
    expected_boxes, expected_scores = decode(raw, layout)
    assert np.abs(boxes - expected_boxes[0]).max() < 1e-6
    assert np.abs(scores - expected_scores[0]).max() < 1e-6


def test_flags_replace_missing_metadata(tmp_path: Path) -> None:
    path = write_constant_model(tmp_path / "m.onnx", MERGED)
    with pytest.raises(UserError, match="--resize-mode"):
        OnnxPredictor(path)
    spec = OnnxPredictor(path, resize_mode="torch_bilinear", conf_thresh=0.2).spec
    assert (spec.input_size, spec.resize_mode, spec.conf_thresh) == ((64, 64), "torch_bilinear", 0.2)
    free = write_constant_model(tmp_path / "free.onnx", MERGED, shape=("B", 3, "H", "W"))
    with pytest.raises(UserError, match="--img-size"):
        OnnxPredictor(free, resize_mode="torch_bilinear")
    assert OnnxPredictor(free, resize_mode="torch_bilinear", input_size=(32, 48)).spec.input_size == (32, 48)


@pytest.mark.parametrize(("name", "channels", "mode"), [
    ("input_yuv422", 2, "opencv_inter_nearest_yuv422"), ("input_y", 1, "opencv_inter_nearest_y"),
    ("input_y_bin", 1, "opencv_inter_nearest_y_bin"), ("input_y_tri", 1, "opencv_inter_nearest_y_tri"),
])  # fmt: skip
def test_the_name_of_the_input_tells_the_mode_of_a_file_without_metadata(
    tmp_path: Path, name: str, channels: int, mode: str
) -> None:
    path = write_constant_model(tmp_path / "m.onnx", MERGED, shape=(1, channels, 64, 64), input_name=name)
    predictor = OnnxPredictor(path)
    assert predictor.spec.resize_mode == mode
    assert predictor.preprocess([np.zeros((10, 10, 3), np.uint8)]).shape == (1, channels, 64, 64)


@pytest.mark.parametrize(
    ("outputs", "metadata", "known", "message"),
    [
        ({"output0": ROWS}, META, {}, "output0"),
        (MERGED, META | {"resize_mode": "opencv_inter_nearest_yuv422"}, {}, "gives 2"),
        (MERGED, META | {"names": "person"}, {}, "cannot be used"),
        (MERGED, META | {"resize_mode": "magic"}, {}, "magic"),
        (MERGED, META, {"input_size": (32, 32)}, "was built for 64x64"),
    ],
)
def test_models_that_do_not_fit(
    tmp_path: Path, outputs: dict[str, np.ndarray], metadata: dict[str, str], known: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        OnnxPredictor(write_constant_model(tmp_path / "m.onnx", outputs, metadata), **known)


def test_files_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such model"):
        OnnxPredictor(tmp_path / "no.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "text.onnx").write_text("hello")
    whole = write_constant_model(tmp_path / "m.onnx", MERGED, META).read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    for name in ("empty", "text", "half"):
        with pytest.raises(UserError, match=name):
            OnnxPredictor(tmp_path / f"{name}.onnx")


def test_one_thread_without_spinning(tmp_path: Path) -> None:
    predictor = OnnxPredictor(write_constant_model(tmp_path / "m.onnx", MERGED, META))
    options = predictor.session.get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
