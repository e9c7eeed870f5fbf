"""``uhd export``: flags become forms, what the checkpoint says becomes metadata, mistakes become one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch

from uhd.cli import main
from uhd.errors import UserError
from uhd.export.targets import target_of
from uhd.models import create_model
from uhd.models.weights import describe, digest, load_model, save_weights
from uhd.runtime.onnx import OnnxPredictor

torch.set_num_threads(1)


def saved(folder: Path, arch: str = "ultratinyod", **config: object) -> Path:
    torch.manual_seed(0)
    model = create_model(arch, **config).eval()
    meta = describe(
        model, img_size="48x64", resize_mode="opencv_inter_nearest", class_names=["person"], classes=[0],
        metrics={"AP50": 0.25, "best_threshold": 0.41},
    )  # fmt: skip
    save_weights(folder / "m.safetensors", model.state_dict(), meta)
    return folder / "m.safetensors"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("weights"), cnn_width=4)


def shapes(path: Path) -> dict[str, list[object]]:
    session = OnnxPredictor(path).session
    return {each.name: list(each.shape) for each in (*session.get_inputs(), *session.get_outputs())}


FIXED = {"anchors": [8, 2], "wh_scale": [8, 2]}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--verify", {"input_rgb": [1, 3, 48, 64], "score_classid_cxcywh": [1, 100, 6]}),
        ("--merge-postprocess --topk 7 --arch ultratinyod", {"score_classid_cxcywh": [1, 7, 6]}),
        ("--no-merge-postprocess", {"txtywh_obj_quality_cls_x8": [1, 56, 6, 8], **FIXED}),
        ("--no-merge-postprocess --noconcat_box_obj_quality_cls", {"box": [1, 32, 6, 8], "cls": [1, 8, 6, 8], **FIXED}),
        ("--merge-primitive-postprocess", {"cx": [1, 8, 6, 8], "cls_scores": [1, 8, 6, 8, 1]}),
        ("--nms --batch dynamic", {"input_rgb": ["N", 3, 48, 64], "score_classid_cxcywh": ["N", 100, 6]}),
        ("--dynamic-resize --uint8-input", {"input_rgb": [1, 3, "H", "W"]}),
        ("--dynamic --no-simplify", {"input_rgb": [1, 3, "H", "W"]}),
        ("--img-size 64x96 --opset 18", {"input_rgb": [1, 3, 64, 96]}),
    ],
)
def test_flags_become_forms(flags: str, expected: dict[str, list[object]], weights: Path, tmp_path: Path) -> None:
    assert main(["export", str(weights), "--output", str(tmp_path / "m.onnx"), *flags.split()]) == 0
    found = shapes(tmp_path / "m.onnx")
    assert expected.items() <= found.items()


@pytest.mark.parametrize(
    ("arch", "config"),
    [
        ("cnn", {"cnn_width": 4, "output_stride": 8}),
        ("cnn", {"cnn_width": 4, "use_anchor": True}),
        ("transformer", {"d_model": 16, "heads": 2, "layers": 1, "dim_feedforward": 16, "num_queries": 5}),
    ],
)
def test_every_architecture(arch: str, config: dict[str, object], tmp_path: Path) -> None:
    path = saved(tmp_path, arch, **config)
    assert main(["export", str(path), "--arch", arch]) == 0
    assert OnnxPredictor(path.with_suffix(".onnx")).spec.arch == arch


def test_the_file_says_what_was_measured_on_what_and_which_weights(weights: Path, tmp_path: Path) -> None:
    assert main(["export", str(weights), "--output", str(tmp_path / "m.onnx"), "--licence", "MIT"]) == 0
    spec = OnnxPredictor(tmp_path / "m.onnx").spec
    assert (spec.metrics["AP50"], spec.measured.split, spec.conf_thresh) == (0.25, "val", 0.41)
    assert (spec.licence, spec.version) == ("MIT", digest(load_model(weights)[0].state_dict()))
    assert (spec.kind, spec.classes, spec.colour) == ("anchor", (0,), "RGB")
    assert len(json.loads(spec.head["anchors"])) == 8
    flags = ["--measured-on", "people val", "--model-version", "1.2", "--img-size", "64"]
    assert main(["export", str(weights), "--output", str(tmp_path / "m.onnx"), *flags]) == 0
    other = OnnxPredictor(tmp_path / "m.onnx").spec
    assert (other.version, other.metrics) == ("1.2", {})  # measured at another size


def test_flags_of_the_architecture_replace_what_the_file_says(weights: Path, tmp_path: Path) -> None:
    out = ["--output", str(tmp_path / "m.onnx")]
    assert main(["export", str(weights), *out, "--score-mode", "obj_quality", "--quality-power", "2"]) == 0
    assert OnnxPredictor(tmp_path / "m.onnx").spec.score == "sigmoid(obj) * sigmoid(quality)^2"
    image = np.random.default_rng(0).random((1, 3, 48, 64), dtype=np.float32)
    scores = []
    for activation in ("relu", "swish"):
        assert main(["export", str(weights), *out, "--activation", activation, "--verify"]) == 0
        scores.append(OnnxPredictor(tmp_path / "m.onnx").infer(image)[0][1])
    assert not np.allclose(*scores)


def test_weights_of_the_last_step_and_tensors_without_a_place(weights: Path, tmp_path: Path) -> None:
    model, meta = load_model(weights)
    state = model.state_dict()
    last = {name: value * 1.01 if value.is_floating_point() else value for name, value in state.items()}
    content = {"model": last, "ema": model.state_dict(), **meta}
    torch.save(content, tmp_path / "m.pt")
    for flag, state in (("--ema", model.state_dict()), ("--no-ema", last)):
        assert main(["export", str(tmp_path / "m.pt"), flag]) == 0
        assert OnnxPredictor(tmp_path / "m.onnx").spec.version == digest(state)
    torch.save({"model": last | {"more.weight": torch.zeros(1)}, **meta}, tmp_path / "m.pt")
    assert main(["export", str(tmp_path / "m.pt")]) == 2
    assert main(["export", str(tmp_path / "m.pt"), "--non-strict"]) == 0


@pytest.mark.parametrize(
    ("size", "flags", "rows"),
    [
        ("64x64", "", 100),
        ("64x72", "", 144),
        ("160x160", "", 300),
        ("160x160", "--topk 7", 7),
        ("160x160", "--nms", 100),
        ("160x160", "--preset original", 100),
    ],
)
def test_as_many_rows_as_duplicates_leave_room_for(
    size: str, flags: str, rows: int, weights: Path, tmp_path: Path
) -> None:
    """Up to 512 predictions, as the original has them, 100; of 8 anchors at stride 8."""
    words = ["export", str(weights), "--img-size", size, "--output", str(tmp_path / "m.onnx"), *flags.split()]
    assert main(words) == 0
    assert shapes(tmp_path / "m.onnx")["score_classid_cxcywh"] == [1, rows, 6]


@pytest.mark.parametrize(
    ("flags", "said"),
    [("--topk 95", True), ("--topk 96", False), ("--topk 95 --nms", False), ("--topk 9 --form raw", False)],
)
def test_few_rows_for_many_predictions_are_said(
    flags: str, said: bool, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are 6 x 8 cells of 8 anchors; duplicates among the rows can leave no room for people."""
    assert main(["export", str(weights), "--output", str(tmp_path / "m.onnx"), *flags.split()]) == 0
    assert ("keeps 95 of 384 predictions" in capsys.readouterr().out) == said


@pytest.mark.parametrize(
    ("head", "topk", "said"), [("anchor_free", 11, True), ("anchor_free", 12, False), ("one_to_one", 11, False)]
)
def test_few_rows_without_anchors_are_said(
    head: str, topk: int, said: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are 6 x 8 cells of one prediction; a one_to_one head makes no duplicates."""
    path = saved(tmp_path, "ultratinyod", cnn_width=4, head=head)
    assert main(["export", str(path), "--output", str(tmp_path / "m.onnx"), "--topk", str(topk)]) == 0
    assert (f"keeps {topk} of 48 predictions" in capsys.readouterr().out) == said


def test_heads_without_duplicates_need_no_more_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, "transformer", d_model=16, heads=2, layers=1, dim_feedforward=16, num_queries=20)
    assert main(["export", str(path), "--output", str(tmp_path / "m.onnx"), "--topk", "2"]) == 0
    assert "keeps" not in capsys.readouterr().out


def test_int8(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "photos").mkdir()
    for i in range(4):
        cv2.imwrite(
            str(tmp_path / "photos" / f"{i}.png"), np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8)
        )
    flags = ["--calibration", str(tmp_path / "photos"), "--keep-float", "0", "--output", str(tmp_path / "q.onnx")]
    assert main(["export", str(weights), "--format", "onnx-int8", *flags]) == 0
    assert "on eight bits" in capsys.readouterr().out
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(tmp_path / "q.onnx").graph.node}
    assert OnnxPredictor(tmp_path / "q.onnx").spec.extra["quantised"].startswith("int8")


def test_an_int8_export_that_fails_leaves_the_file_that_was_there(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((60, 80, 3), np.uint8))
    (tmp_path / "q.onnx").write_bytes(b"of yesterday")

    def fails(*_: object) -> list[str]:
        raise UserError("no ranges")

    monkeypatch.setattr("uhd.compress.int8.quantise.write_int8", fails)
    flags = ["--calibration", str(tmp_path), "--output", str(tmp_path / "q.onnx")]
    assert main(["export", str(weights), "--format", "onnx-int8", *flags]) == 2
    assert (tmp_path / "q.onnx").read_bytes() == b"of yesterday"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--noconcat_box_obj_quality_cls", "--no-merge-postprocess"),
        ("--nms --no-merge-postprocess", "--nms needs"),
        ("--dynamic --dynamic-resize", "exclude each other"),
        ("--arch cnn", "is of ultratinyod"),
        ("--cnn-width 8", "does not fit"),
        ("--d-model 8", "not a setting of ultratinyod"),
        ("--batch many", "neither a number nor dynamic"),
        ("--batch 0", "'0' is no number of images; give 1 or more, or dynamic"),
        ("--opset 30", "13 to 20"),
        ("--format tiff", "not one of"),
        ("--int8", "--calibration"),
        ("--output m.txt", "must end in .onnx"),
        ("--keep-float some", "neither a number nor auto"),
    ],
)
def test_mistakes_are_one_line(
    flags: str, message: str, weights: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(weights), *flags.split()]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_settings_printed_are_settings_read(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--print-config", "--topk", "9"]) == 0
    (tmp_path / "c.yaml").write_text(capsys.readouterr().out)
    assert (
        main(["export", str(weights), "--config", str(tmp_path / "c.yaml"), "--output", str(tmp_path / "m.onnx")]) == 0
    )
    assert shapes(tmp_path / "m.onnx")["score_classid_cxcywh"] == [1, 9, 6]


def test_any_number_of_images_stays_so_in_printed_settings(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--print-config", "--batch", "dynamic"]) == 0
    (tmp_path / "c.yaml").write_text(capsys.readouterr().out)
    words = ["--config", str(tmp_path / "c.yaml"), "--output", str(tmp_path / "m.onnx")]
    assert main(["export", str(weights), *words]) == 0
    assert shapes(tmp_path / "m.onnx")["input_rgb"] == ["N", 3, 48, 64]


@pytest.mark.parametrize(
    ("flags", "iou"),
    [
        ("--form parts --nms-iou 0.3", 0.3), ("--nms-iou 0.3", 0.3), ("--form yolov8 --nms-iou 0", 0),
        ("--nms --nms-iou 0.3", 0.3), ("--form parts", 0.5),
    ],
)  # fmt: skip
def test_the_iou_asked_for_is_what_the_file_recommends(flags: str, iou: float, weights: Path, tmp_path: Path) -> None:
    assert main(["export", str(weights), "--output", str(tmp_path / "m.onnx"), *flags.split()]) == 0
    assert OnnxPredictor(tmp_path / "m.onnx").spec.nms_iou == iou


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--form parts --topk 9", ["without effect: --topk, as the form parts has no rows"]),
        ("--form yolov8 --conf-thresh 0.2", ["without effect: --conf-thresh, as the form yolov8 has no rows"]),
        ("--form end2end --topk 9 --conf-thresh 0.2", []),
        (
            "--percentile 99 --no-bias-correction",
            ["without effect: --percentile, --no-bias-correction, as the file is in float; --int8 writes eight bits"],
        ),
        ("", []),
    ],
)
def test_settings_without_effect_are_said(
    flags: str, said: list[str], weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(weights), "--output", str(tmp_path / "m.onnx"), *flags.split()]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "without effect" in line] == said


def test_an_export_that_is_stopped_says_how_far_it_got(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(_target: Any, _opened: Any, _path: Path, _config: Any, say: Callable[[str], None]) -> None:
        say("tracing")
        raise KeyboardInterrupt

    monkeypatch.setattr(type(target_of("onnx")), "write", write)
    path = tmp_path / "m.onnx"
    assert main(["export", str(weights), "--output", str(path)]) == 130
    assert f'stopped after "tracing"; {path} was not written' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
