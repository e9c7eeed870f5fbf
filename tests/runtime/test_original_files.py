"""ONNX files of the original's earlier versions: their names, and the score their networks were trained for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.export.conftest import make_model
from uhd.card import ModelCard
from uhd.errors import UserError
from uhd.export.onnx.export import export_onnx
from uhd.runtime.onnx import OnnxPredictor

IMAGE = np.random.default_rng(0).random((1, 3, 64, 64), dtype=np.float32)
SEED = {"decode_score": "sigmoid(obj) * sigmoid(quality) * sigmoid(cls)", "resize_mode": "opencv_inter_nearest"}


def files(tmp_path: Path, name: str, names: dict[str, str], meta: dict[str, str], **form: Any) -> tuple[Path, Path]:
    """Return our file, and the same graph under other names and metadata."""
    ours, theirs = tmp_path / "ours.onnx", tmp_path / "theirs.onnx"
    graph = export_onnx(make_model(name), ours, ModelCard(), verify=False, **form)
    for node in graph.graph.node:
        node.input[:] = [names.get(each, each) for each in node.input]
        node.output[:] = [names.get(each, each) for each in node.output]
    for entry in (*graph.graph.input, *graph.graph.output):
        entry.name = names.get(entry.name, entry.name)
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, meta)
    onnx.save(graph, theirs)
    return ours, theirs


def equal(one: OnnxPredictor, other: OnnxPredictor) -> bool:
    pairs = zip(one.infer(IMAGE)[0], other.infer(IMAGE)[0], strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", ["iou_aware", "legacy", "improved_only"])
@pytest.mark.parametrize("form", ["merged", "raw"])
def test_names_before_december_2025(form: str, name: str, tmp_path: Path) -> None:
    raw = "txtywh_obj_cls_x8" if name == "legacy" else "txtywh_obj_quality_cls_x8"
    old = {"input_rgb": "images", "score_classid_cxcywh": "detections", raw: "pred"}
    ours, theirs = files(tmp_path, name, old, {}, form=form)
    with pytest.raises(UserError, match="--resize-mode"):
        OnnxPredictor(theirs)
    found = OnnxPredictor(theirs, resize_mode="opencv_inter_nearest")
    assert found.input_name == "images"
    assert equal(found, OnnxPredictor(ours))


@pytest.mark.parametrize("form", [{"form": "raw"}, {"form": "parts", "all_branches": True}])
@pytest.mark.parametrize("name", ["iou_aware", "improved_only", "three_classes"])
def test_the_score_is_that_of_the_network(name: str, form: dict[str, Any], tmp_path: Path) -> None:
    """The first version's files name the objectness too, also where the network is not scored with it."""
    ours, theirs = files(tmp_path, name, {}, SEED, **form)
    assert equal(OnnxPredictor(theirs, class_names=OnnxPredictor(ours).spec.class_names), OnnxPredictor(ours))


def test_what_is_asked_for_wins_over_file_and_network(tmp_path: Path) -> None:
    ours, theirs = files(tmp_path, "iou_aware", {}, SEED, form="raw")
    assert equal(OnnxPredictor(theirs, score_mode="obj_quality_cls"), OnnxPredictor(ours, score_mode="obj_quality_cls"))
    assert not equal(OnnxPredictor(ours, score_mode="obj_quality_cls"), OnnxPredictor(ours))
    with pytest.raises(UserError, match="not one of"):
        OnnxPredictor(ours, score_mode="magic")


def test_a_score_that_the_file_computes_cannot_be_chosen(tmp_path: Path) -> None:
    ours, _ = files(tmp_path, "iou_aware", {}, {})
    with pytest.raises(UserError, match="leave out --score-mode"):
        OnnxPredictor(ours, score_mode="quality")


def test_the_six_outputs_of_the_first_version(tmp_path: Path) -> None:
    whole, _ = files(tmp_path, "iou_aware", {}, {}, form="parts", all_branches=True)
    long = OnnxPredictor(whole)
    assert long.outputs == ["box", "obj", "quality", "cls", "anchors", "wh_scale"]
    short = OnnxPredictor(files(tmp_path, "iou_aware", {}, {}, form="parts")[0])
    assert short.outputs == ["box", "quality", "cls", "anchors", "wh_scale"]
    assert equal(long, short)
    with pytest.raises(UserError, match="--all-branches"):
        files(tmp_path, "iou_aware", {}, {}, form="raw", all_branches=True)
