"""A checkpoint made of an ONNX file is the network of the file."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.export.conftest import make_family, make_model
from uhd.card import ModelCard
from uhd.errors import UserError
from uhd.export.onnx.export import export_onnx
from uhd.export.onnx.rebuild import rebuild, write_rebuilt
from uhd.models.predictor import TorchPredictor
from uhd.models.weights import load_model, untrained
from uhd.runtime.onnx import OnnxPredictor

ROOT = Path(__file__).parent.parent.parent.parent
CARD = ModelCard(
    metrics={"AP50": 0.5, "best_threshold": 0.25}, conf_thresh=0.25, licence="MIT", version="7", classes=(0,)
)


@pytest.mark.parametrize(
    "name", ["iou_aware", "improved_only", "legacy", "classless", "no_batchnorm", "dense", "power_and_rfb"]
)
@pytest.mark.parametrize("form", ["merged", "raw"])
def test_it_computes_the_same_and_says_the_same(name: str, form: str, tmp_path: Path) -> None:
    model = make_model(name)
    export_onnx(model, tmp_path / "a.onnx", CARD, form, verify=False)
    write_rebuilt(tmp_path / "a.onnx", tmp_path / "a.safetensors")
    found = TorchPredictor(tmp_path / "a.safetensors")
    card = found.spec
    assert (card.metrics, card.licence, card.version, card.conf_thresh) == (CARD.metrics, "MIT", "7", 0.25)
    images = np.random.default_rng(0).random((1, 3, 64, 64), dtype=np.float32)
    boxes, scores = OnnxPredictor(tmp_path / "a.onnx").infer(images)[0]
    other_boxes, other_scores = found.infer(images)[0]
    best = np.argsort(-other_scores[:, 0], kind="stable")[: len(scores)] if form == "merged" else slice(None)
    assert np.abs(np.sort(scores[:, 0]) - np.sort(other_scores[best, 0])).max() < 1e-5
    assert np.abs(np.sort(boxes.sum(1)) - np.sort(other_boxes[best].sum(1))).max() < 1e-4
    own, back = model.state_dict(), load_model(tmp_path / "a.safetensors")[0].state_dict()
    assert {key: value.shape for key, value in own.items()} == {key: value.shape for key, value in back.items()}


def test_what_no_score_needs_is_new_and_said(tmp_path: Path) -> None:
    export_onnx(make_model("iou_aware"), tmp_path / "a.onnx", CARD, verify=False)
    once, again = rebuild(tmp_path / "a.onnx")[0], rebuild(tmp_path / "a.onnx")[0]
    assert torch.equal(once.head.obj_conv.pw.conv.weight, again.head.obj_conv.pw.conv.weight)
    write_rebuilt(tmp_path / "a.onnx", tmp_path / "a.safetensors")
    meta = load_model(tmp_path / "a.safetensors")[1]
    assert "a.onnx" in meta["rebuilt_from"]
    assert untrained(meta) == ("obj",)
    with pytest.raises(UserError, match=r"its obj is untrained .*a\.onnx.*leave out --score-mode"):
        load_model(tmp_path / "a.safetensors", changes={"score_mode": "obj_quality_cls"})
    assert load_model(tmp_path / "a.safetensors", changes={"score_mode": "quality"})[0].layout().score_mode == "quality"


def test_what_the_score_needs_is_no_news(tmp_path: Path) -> None:
    export_onnx(make_model("legacy"), tmp_path / "a.onnx", CARD, verify=False)
    write_rebuilt(tmp_path / "a.onnx", tmp_path / "a.safetensors")
    assert untrained(load_model(tmp_path / "a.safetensors")[1]) == ()


REBUILT = [ROOT / f"uhd/weights/zoo/ultratinyod_w16_{kind}.safetensors" for kind in ("yuv422", "y_tri", "y_bin")]


@pytest.mark.parametrize("path", REBUILT, ids=lambda path: path.stem)
def test_no_score_of_the_named_sizes_needs_the_branch_that_is_new(path: Path) -> None:
    network, meta = load_model(path)
    assert untrained(meta) == ("obj",)
    assert network.layout().score_mode == "quality_cls"


def test_files_of_other_networks(tmp_path: Path) -> None:
    export_onnx(make_family("centernet"), tmp_path / "a.onnx", CARD, verify=False)
    with pytest.raises(UserError, match="not an UltraTinyOD"):
        rebuild(tmp_path / "a.onnx")


def test_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    export_onnx(make_model(), tmp_path / "a.onnx", CARD, verify=False)
    script = str(ROOT / "tools" / "onnx_to_checkpoint.py")
    for arguments, code in (([tmp_path / "a.onnx", tmp_path / "b.safetensors"], 0), ([tmp_path / "a.onnx"], 2)):
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            runpy.run_path(script, run_name="__main__")
        assert done.value.code == code
    assert (tmp_path / "b.safetensors").is_file()
