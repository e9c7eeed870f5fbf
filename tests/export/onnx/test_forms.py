"""Every architecture in every form: the file, run by onnxruntime, finds what torch finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.export.conftest import FAMILIES, class_names, make_family
from uhd.card import ModelSpec
from uhd.detections import Detections
from uhd.errors import UserError
from uhd.export.onnx.export import export_onnx
from uhd.export.onnx.form import FORMS
from uhd.heads import select
from uhd.models.network import DetectorNetwork
from uhd.models.predictor import TorchPredictor
from uhd.resize import input_channels
from uhd.runtime.drop_in import DROP_IN
from uhd.runtime.onnx import OnnxPredictor

SIZES = ((64, 64), (48, 80))
PHOTOS = [np.random.default_rng(i).integers(0, 256, (90, 50 + 20 * i, 3), np.uint8) for i in range(2)]
EVERYTHING = 100_000


def written(
    model: DetectorNetwork, path: Path, size: tuple[int, int], mode: str = "opencv_inter_nearest", **options: Any
) -> OnnxPredictor:
    options = {"topk": EVERYTHING, "verify": False, "simplify": False, **options}
    export_onnx(model, path, ModelSpec(size, mode, class_names(model)), **options)
    return OnnxPredictor(path)


def in_torch(model: DetectorNetwork, predictor: OnnxPredictor) -> TorchPredictor:
    return TorchPredictor(model, predictor.spec)


def same(found: Detections, expected: Detections, tolerance: float = 1e-4, pixels: float = 1e-2) -> None:
    """Compare by content: equal scores may come in any order."""
    assert len(found) == len(expected)
    if not len(found):
        return
    assert np.abs(np.sort(found.scores) - np.sort(expected.scores)).max() < tolerance
    scale = tolerance / pixels
    tables = [
        np.concatenate([each.scores[:, None], each.class_ids[:, None], each.xyxy * scale], 1)
        for each in (found, expected)
    ]
    distance = np.abs(tables[0][:, None] - tables[1][None]).max(2)
    assert distance.min(0).max() < tolerance
    assert distance.min(1).max() < tolerance


def threshold(predictor: TorchPredictor) -> float:
    """Return a threshold that half the detections pass, in a gap between scores."""
    boxes, scores = predictor.infer(predictor.preprocess(PHOTOS[:1]))[0]
    ranked = np.sort(select(boxes, scores, 1e-6)[1])
    middle = ranked[len(ranked) // 4 : 3 * len(ranked) // 4 + 1]
    gap = int(np.diff(middle).argmax()) if len(middle) > 1 else 0
    return float(middle[gap : gap + 2].mean())


# Of each kind of head another family is exported in every run.
_SELDOM = ("utod_obj", "utod_classless", "utod_multi_label", "centernet", "centernet_any_cell", "transformer")


# Those of other programs are compared in ../test_drop_in.py; the graph of a one_to_one head is that of anchor_free.
@pytest.mark.parametrize("form", [form for form in FORMS if form not in DROP_IN])
@pytest.mark.parametrize(
    "family",
    [pytest.param(f, marks=pytest.mark.slow if f in _SELDOM else ()) for f in FAMILIES if f != "utod_anchor_free"],
)
def test_every_form_of_every_architecture(family: str, form: str, tmp_path: Path) -> None:
    model = make_family(family)
    for size in SIZES:
        predictor = written(model, tmp_path / "m.onnx", size, form=form)
        reference = in_torch(model, predictor)
        least = threshold(reference)
        for photo in PHOTOS:
            expected = reference.predict([photo], least, 0.5 if form == "nms" else 0)[0]
            found = predictor.predict([photo], least, 0)[0]
            same(found, expected)
            assert len(expected) > 0


@pytest.mark.parametrize(
    ("family", "form"),
    [
        ("utod", "merged"), ("utod_classes", "nms"), ("utod_attributes", "raw"), ("utod", "primitive"),
        ("utod_multi_label", "nms"), ("centernet_classes", "nms"), ("centernet_classes", "raw"),
        ("anchor_cnn", "parts"), ("transformer_classes", "merged"), ("transformer", "raw"),
    ],
)  # fmt: skip
def test_any_number_of_images(family: str, form: str, tmp_path: Path) -> None:
    model = make_family(family)
    predictor = written(model, tmp_path / "m.onnx", SIZES[1], form=form, batch=None, simplify=True)
    reference = in_torch(model, predictor)
    assert predictor.batch is None
    for count in (1, 2, 5):
        photos = (PHOTOS * 3)[:count]
        least = threshold(reference)
        overlap = 0.5 if form == "nms" else 0
        expected = reference.predict(photos, least, overlap)
        for one, other in zip(predictor.predict(photos, least, 0), expected, strict=True):
            same(one, other)


@pytest.mark.parametrize("family", ["utod_classes", "utod_legacy", "centernet_classes", "anchor_cnn"])
@pytest.mark.parametrize("form", [form for form in FORMS if form not in DROP_IN])  # those are in pixels of one size
def test_free_height_and_width(family: str, form: str, tmp_path: Path) -> None:
    model = make_family(family)
    path = tmp_path / "m.onnx"
    written(
        model, path, SIZES[0], form=form, dynamic=True, batch=None if form in ("nms", "primitive") else 1, simplify=True
    )
    for size in ((64, 64), (96, 64), (32, 160)):
        predictor = OnnxPredictor(path, input_size=size)
        reference = in_torch(model, predictor)
        least = threshold(reference)
        expected = reference.predict(PHOTOS[:1], least, 0.5 if form == "nms" else 0)[0]
        same(predictor.predict(PHOTOS[:1], least, 0)[0], expected)


@pytest.mark.parametrize("uint8", [False, True])
@pytest.mark.parametrize(
    "mode",
    [
        "opencv_inter_nearest", "torch_nearest", "opencv_inter_nearest_y", "opencv_inter_nearest_y_bin",
        "opencv_inter_nearest_y_tri",
    ],
)  # fmt: skip
def test_the_graph_reduces_frames_like_the_library(mode: str, uint8: bool, tmp_path: Path) -> None:
    model = make_family("utod", in_channels=input_channels(mode))
    predictor = written(model, tmp_path / "m.onnx", (48, 80), mode, form="raw", dynamic_resize=True, uint8_input=uint8)
    reference = in_torch(model, predictor)
    for height, width in ((48, 80), (240, 480), (961, 33), (7, 300)):
        frame = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        assert predictor.preprocess([frame]).shape[2:] == (height, width)
        for ours, theirs in zip(
            predictor.infer(predictor.preprocess([frame]))[0],
            reference.infer(reference.preprocess([frame]))[0],
            strict=True,
        ):
            assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize(
    ("family", "form", "options"),
    [
        ("utod", "merged", {"batch": None, "dynamic_resize": True}),
        ("utod_classes", "nms", {"batch": None, "dynamic_resize": True, "uint8_input": True}),
        ("utod", "primitive", {"batch": 3, "uint8_input": True}),
        ("centernet", "nms", {"dynamic": True, "batch": None, "uint8_input": True}),
        ("transformer", "merged", {"dynamic_resize": True, "uint8_input": True, "batch": None}),
        ("anchor_cnn", "parts", {"dynamic_resize": True}),
    ],
)
def test_choices_go_together(family: str, form: str, options: dict[str, Any], tmp_path: Path) -> None:
    model = make_family(family)
    predictor = written(model, tmp_path / "m.onnx", (48, 80), form=form, simplify=True, **options)
    reference = in_torch(model, predictor)
    least = threshold(reference)
    expected = reference.predict(PHOTOS, least, 0.5 if form == "nms" else 0)
    for one, other in zip(predictor.predict(PHOTOS, least, 0), expected, strict=True):
        same(one, other)
    for photo, other in zip(PHOTOS, expected, strict=True):
        same(predictor.predict([photo], least, 0)[0], other)


@pytest.mark.parametrize("form", ["raw", "merged", "nms", "yolov8", "primitive"])
# Torch's own attention asks for the number of values that no images have.
@pytest.mark.parametrize("family", [name for name in FAMILIES if not name.startswith("transformer")])
def test_a_run_of_no_images_finds_nothing(family: str, form: str, tmp_path: Path) -> None:
    predictor = written(make_family(family), tmp_path / "m.onnx", (48, 80), form=form, batch=None, simplify=True)
    options = onnxruntime.SessionOptions()
    # As it is written: what onnxruntime 1.31 makes of it asks for that number again.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", options, providers=["CPUExecutionProvider"])
    axis = {each.name: list(each.shape).index("N") for each in session.get_outputs() if "N" in each.shape}
    assert axis
    images = predictor.preprocess(PHOTOS)
    for count in (0, 2):
        found = session.run(list(axis), {session.get_inputs()[0].name: images[:count]})
        assert [each.shape[axis[name]] for name, each in zip(axis, found, strict=True)] == [count] * len(axis)


@pytest.mark.parametrize("family", ["utod", "utod_attributes", "centernet", "transformer", "anchor_cnn"])
def test_the_check_before_writing_passes(family: str, tmp_path: Path) -> None:
    model = make_family(family)
    for form, options in (
        ("nms", {"batch": None, "conf_thresh": 0.1}),
        ("raw", {"dynamic_resize": True, "uint8_input": True}),
        ("primitive", {} if family == "transformer" else {"dynamic": True}),
    ):
        written(model, tmp_path / "m.onnx", (48, 80), form=form, verify=True, simplify=True, **options)


def test_names_and_axes_of_raw_outputs(tmp_path: Path) -> None:
    def outputs(family: str, **options: Any) -> dict[str, list[int | str]]:
        graph = export_onnx(
            make_family(family),
            tmp_path / "m.onnx",
            ModelSpec((48, 80), class_names=("a",)),
            form="raw",
            verify=False,
            **options,
        )
        return {
            each.name: [axis.dim_param or axis.dim_value for axis in each.type.tensor_type.shape.dim]
            for each in graph.graph.output
        }

    assert outputs("centernet") == {"hm": [1, 1, 6, 10], "off": [1, 2, 6, 10], "wh": [1, 2, 6, 10]}
    assert outputs("transformer") == {"logits": [7, 1, 2], "boxes": [7, 1, 4]}
    assert outputs("transformer", batch=None) == {"logits": [7, "N", 2], "boxes": [7, "N", 4]}
    assert outputs("anchor_cnn")["txtywh_obj_cls_x8"] == [1, 21, 3, 5]
    assert outputs("utod_attributes")["attr_logits"] == [1, 16, 6, 10]


@pytest.mark.parametrize(
    ("family", "options", "message"),
    [
        ("transformer", {"dynamic": True}, "position code"),
        ("utod", {"dynamic": True, "dynamic_resize": True}, "exclude each other"),
        ("utod", {"batch": 0}, "--batch 0"),
        ("utod", {"form": "nms", "nms_iou": 0.0}, "--nms-iou"),
        ("utod", {"form": "fused"}, "unknown form"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(
    family: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        written(make_family(family), tmp_path / "m.onnx", (64, 64), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "opset", [17, pytest.param(18, marks=pytest.mark.slow), pytest.param(19, marks=pytest.mark.slow), 20]
)
@pytest.mark.parametrize("form", ["nms", "primitive"])
def test_every_opset(opset: int, form: str, tmp_path: Path) -> None:
    model = make_family("utod_classes")
    graph = export_onnx(model, tmp_path / "m.onnx", ModelSpec(class_names=("a", "b", "c")), form=form, opset=opset)
    assert isinstance(graph, onnx.ModelProto)
    assert graph.opset_import[0].version == opset
