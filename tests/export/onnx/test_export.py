"""The graph, torch and NumPy agree; names and metadata are what others look for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.export.conftest import CONFIGS, make_model
from uhd.boxes import xyxy_to_cxcywh
from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.export.onnx import export as export_module
from uhd.export.onnx.export import export_onnx
from uhd.heads import decode
from uhd.models.decode import decode_all, score
from uhd.models.ultratinyod import UltraTinyOD
from uhd.nms import Suppression
from uhd.runtime.onnx import OnnxPredictor

CONV_NAMES = json.loads((Path(__file__).parent.parent.parent / "golden" / "onnx_conv_names.json").read_text())


def images(model: UltraTinyOD, size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(1).random((1, model.config.in_channels, *size), dtype=np.float32)


def torch_decode(model: UltraTinyOD, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    layout = model.layout()
    with torch.inference_mode():
        raw = model(torch.from_numpy(image))
        prior = torch.from_numpy(layout.anchors * layout.wh_scale)
        boxes = decode_all(raw, prior)
        scores = score(raw, layout)
    return boxes.numpy()[0], scores.numpy()[0]


@pytest.mark.parametrize("name", CONFIGS)
def test_graph_torch_and_numpy_agree(name: str, tmp_path: Path) -> None:
    size = (48, 80)
    model = make_model(name)
    names = tuple(f"class {i}" for i in range(max(1, model.config.class_channels)))
    image = images(model, size)
    boxes, scores = torch_decode(model, image)
    with torch.inference_mode():
        numpy_boxes, numpy_scores = decode(model(torch.from_numpy(image)).numpy(), model.layout())
    assert np.abs(boxes - numpy_boxes[0]).max() < 1e-5
    assert np.abs(scores - numpy_scores[0]).max() < 1e-5
    assert scores.std() > 1e-3

    export_onnx(
        model, tmp_path / "m.onnx", ModelSpec(size, class_names=names), topk=10_000, simplify=False, verify=False
    )
    predictor = OnnxPredictor(tmp_path / "m.onnx")
    rows = predictor.session.run(None, {"input_rgb": image})[0][0]
    best = scores.max(1)
    assert len(rows) == len(best)
    assert np.abs(np.sort(best)[::-1] - rows[:, 0]).max() < 1e-4
    # Rows whose scores are equal up to rounding may come in another order, so rows are compared by content.
    table = np.concatenate([best[:, None], scores.argmax(1)[:, None], xyxy_to_cxcywh(boxes)], 1)
    distance = np.abs(rows[:, None] - table[None]).max(2)
    assert distance.min(1).max() < 1e-4
    assert distance.min(0).max() < 1e-4


@pytest.mark.parametrize("form", ["raw", "parts"])
@pytest.mark.parametrize("name", ["iou_aware", "legacy", "classless", "three_classes"])
def test_forms_without_postprocessing_decode_to_the_same(name: str, form: str, tmp_path: Path) -> None:
    model = make_model(name)
    names = tuple(f"class {i}" for i in range(max(1, model.config.class_channels)))
    export_onnx(model, tmp_path / "m.onnx", ModelSpec(class_names=names), form=form, verify=False)
    image = images(model, (64, 64))
    boxes, scores = OnnxPredictor(tmp_path / "m.onnx").infer(image)[0]
    expected_boxes, expected_scores = torch_decode(model, image)
    assert np.abs(boxes - expected_boxes).max() < 1e-4
    assert np.abs(scores - expected_scores).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "golden", "form"),
    [
        ("iou_aware", "full", "merged"),
        ("improved_only", "swish_full", "merged"),
        ("iou_aware", "parts", "parts"),
        ("improved_only", "swish_parts", "parts"),
        ("classless", "dis_parts", "parts"),
    ],
)
def test_convolutions_have_the_names_that_recipes_match(name: str, golden: str, form: str, tmp_path: Path) -> None:
    plain = {"utod_large_obj_branch": False, "utod_head_ese": False} if name == "improved_only" else {}
    model = make_model(name, **plain, utod_sppf_scale="none")
    graph = export_onnx(model, tmp_path / "m.onnx", ModelSpec(), form=form, verify=False)
    names = sorted(node.name for node in graph.graph.node if node.op_type == "Conv")
    assert names == CONV_NAMES[golden]


@pytest.mark.parametrize("name", ["iou_aware", "leftover_batchnorm", "improved_only"])
def test_no_batchnorm_is_left(name: str, tmp_path: Path) -> None:
    graph = export_onnx(make_model(name), tmp_path / "m.onnx", ModelSpec())
    operators = {node.op_type for node in graph.graph.node}
    assert "BatchNormalization" not in operators
    assert not operators & {"NonMaxSuppression", "Softplus", "If", "Loop"}


def test_outputs_of_each_form(tmp_path: Path) -> None:
    model = make_model("improved_only")
    shapes = {}
    for form in export_module.FORMS:
        graph = export_onnx(model, tmp_path / f"{form}.onnx", ModelSpec(), form=form, topk=50)
        shapes[form] = {o.name: [d.dim_value for d in o.type.tensor_type.shape.dim] for o in graph.graph.output}
        assert [i.name for i in graph.graph.input] == ["input_rgb"]
    two = {"anchors": [8, 2], "wh_scale": [8, 2]}
    assert shapes["merged"] == {"score_classid_cxcywh": [1, 50, 6]}
    assert shapes["raw"] == {"txtywh_obj_quality_cls_x8": [1, 56, 8, 8], **two}
    assert shapes["parts"] == {"box": [1, 32, 8, 8], "obj": [1, 8, 8, 8], "quality": [1, 8, 8, 8],
                               "cls": [1, 8, 8, 8], **two}  # fmt: skip


def test_a_branch_that_the_score_does_not_need_is_left_out(tmp_path: Path) -> None:
    merged = export_onnx(make_model("iou_aware"), tmp_path / "m.onnx", ModelSpec())
    assert not [node.name for node in merged.graph.node if "obj_conv" in node.name or "obj_out" in node.name]
    asked = make_model("iou_aware", score_mode="obj_quality_cls")
    assert [n for n in export_onnx(asked, tmp_path / "m.onnx", ModelSpec()).graph.node if "obj_out" in n.name]


def test_metadata_is_true(tmp_path: Path) -> None:
    spec = ModelSpec(
        (64, 96),
        "torch_bilinear",
        ("person", "dog", "cat"),
        0.41,
        Suppression(iou=0.6),
        metrics={"AP50": 0.25},
        licence="MIT",
    )
    export_onnx(make_model("three_classes"), tmp_path / "m.onnx", spec)
    read = OnnxPredictor(tmp_path / "m.onnx").spec
    for name in ("input_size", "resize_mode", "class_names", "conf_thresh", "nms_iou", "metrics", "licence"):
        assert getattr(read, name) == getattr(spec, name), name
    assert read.score == "sigmoid(quality) * sigmoid(cls)"
    assert read.head["score_mode"] == "quality_cls"
    assert read.extra["postprocess_mode"] == "full"
    graph = export_onnx(make_model("power_and_rfb"), tmp_path / "p.onnx", ModelSpec())
    table = {prop.key: prop.value for prop in graph.metadata_props}
    assert table["decode_score"] == "sigmoid(obj) * sigmoid(quality)^2 * sigmoid(cls)"


def test_scores_below_the_threshold_become_zero_and_rows_stay(tmp_path: Path) -> None:
    model = make_model()
    image = images(model, (64, 64))
    scores = torch_decode(model, image)[1].max(1)
    floor = float(np.sort(scores)[-20])
    export_onnx(model, tmp_path / "m.onnx", ModelSpec(), conf_thresh=floor + 1e-6)
    rows = OnnxPredictor(tmp_path / "m.onnx").session.run(None, {"input_rgb": image})[0][0]
    assert rows.shape == (100, 6)
    assert (rows[:, 0] > 0).sum() == 19


@pytest.mark.parametrize(("mode", "name", "channels"), [
    ("opencv_inter_nearest_yuv422", "input_yuv422", 2), ("opencv_inter_nearest_y_bin", "input_y", 1),
])  # fmt: skip
def test_input_follows_the_resize_mode(mode: str, name: str, channels: int, tmp_path: Path) -> None:
    graph = export_onnx(make_model(in_channels=channels), tmp_path / "m.onnx", ModelSpec(resize_mode=mode))
    assert graph.graph.input[0].name == name
    assert graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value == channels


@pytest.mark.parametrize(("opset", "simplify"), [(13, True), (20, True), (17, False)])
def test_other_opsets_and_the_unsimplified_graph_work(opset: int, simplify: bool, tmp_path: Path) -> None:
    graph = export_onnx(make_model(), tmp_path / "m.onnx", ModelSpec(), opset=opset, simplify=simplify)
    assert graph.opset_import[0].version == opset


def test_the_model_is_not_changed(tmp_path: Path) -> None:
    model = make_model().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    export_onnx(model, tmp_path / "m.onnx", ModelSpec())
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_wrong_graph_is_noticed_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damage(graph: onnx.ModelProto) -> onnx.ModelProto:
        bias = next(t for t in graph.graph.initializer if t.name.endswith("box_out.bias"))
        bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + 0.1, bias.name))
        return graph

    monkeypatch.setattr(export_module, "_simplify", damage)
    for form in export_module.FORMS:
        with pytest.raises(RuntimeError, match="differs from the model"):
            export_onnx(make_model(), tmp_path / "m.onnx", ModelSpec(), form=form)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "merge"}, "did you mean 'merged'"),
        ({"opset": 9}, "13 to 20"),
        ({"topk": 0}, "topk"),
        ({"spec": ModelSpec((60, 64))}, "stride"),
        ({"spec": ModelSpec(resize_mode="opencv_inter_nearest_y")}, "1 channels"),
    ],
)
def test_bad_requests(options: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        export_onnx(make_model(), tmp_path / "m.onnx", **{"spec": ModelSpec(), **options})  # type: ignore[arg-type]


def test_an_unwritable_place_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="could not be saved"):
        export_onnx(make_model(), tmp_path / "file" / "m.onnx", ModelSpec())
