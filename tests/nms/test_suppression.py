"""One rule and one owner of the threshold: host, graph and C keep the same boxes, and the model's card decides."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.export.onnx.suppression import suppressed
from uhd.nms import Suppression, nms
from uhd.runtime.predictor import Prediction, Predictor

BOTH = np.array([[0, 0, 1, 1], [0, 0, 0.5, 1]], np.float32)
SCORES = np.array([0.9, 0.8], np.float32)


class Given(Predictor):
    """A model that always finds the same."""

    def __init__(self, spec: ModelSpec, boxes: np.ndarray, scores: np.ndarray) -> None:
        self.spec, self.found = spec, (boxes, scores[:, None])

    def infer(self, batch: np.ndarray) -> list[Prediction]:
        return [self.found] * len(batch)


class InGraph(nn.Module):
    def __init__(self, iou: float) -> None:
        super().__init__()
        self.iou = iou

    def forward(self, boxes: Tensor, scores: Tensor) -> Tensor:
        return suppressed(boxes, scores, self.iou)


def graph_keeps(boxes: np.ndarray, scores: np.ndarray, iou: float) -> list[int]:
    buffer = io.BytesIO()
    example = torch.from_numpy(boxes[None]), torch.from_numpy(scores[None, None])
    torch.onnx.export(InGraph(iou), example, buffer, dynamo=False, opset_version=17, input_names=["boxes", "scores"])
    session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
    kept = session.run(None, {"boxes": boxes[None], "scores": scores[None, None]})[0][0, 0]
    return np.flatnonzero(kept > 0).tolist()


@pytest.mark.parametrize("iou", [0.25, 0.5, 0.75])
def test_the_graph_keeps_what_the_host_keeps_equality_included(iou: float) -> None:
    rng = np.random.default_rng(3)
    corner = rng.integers(0, 8, (120, 2))
    boxes = (np.concatenate([corner, corner + rng.integers(1, 9, (120, 2))], 1) / 16).astype(np.float32)
    scores = rng.permutation(120).astype(np.float32) / 200 + 0.1
    assert graph_keeps(boxes, scores, iou) == sorted(nms(boxes, scores, iou).tolist())


def test_an_iou_of_exactly_the_threshold_is_a_duplicate() -> None:
    assert nms(BOTH, SCORES, 0.5).tolist() == [0]
    assert nms(BOTH, SCORES, float(np.nextafter(np.float32(0.5), np.float32(1)))).tolist() == [0, 1]
    assert graph_keeps(BOTH, SCORES, 0.5) == [0]


@pytest.mark.parametrize("unit", [1, 640, 1e-4])
def test_the_unit_makes_no_difference(unit: float) -> None:
    boxes = np.array([[0, 0, 0.002, 0.0064], [0, 0, 0.002, 0.004]], np.float32) * np.float32(unit)
    assert nms(boxes, SCORES, 0.6).tolist() == [0]


def test_boxes_without_area_are_nobodys_duplicates() -> None:
    assert len(nms(np.zeros((3, 4), np.float32), np.ones(3, np.float32), 0.5)) == 3


def test_duplicates_are_judged_after_clipping_to_the_frame() -> None:
    # Outside of the frame they differ; what is seen of them is the same.
    boxes = np.array([[0.5, 0, 1, 1], [0.5, 0, 9, 1]], np.float32)
    found = Given(ModelSpec(), boxes, SCORES).predict([np.zeros((8, 8, 3), np.uint8)])[0]
    assert found.scores.tolist() == SCORES[:1].tolist()
    assert graph_keeps(boxes, SCORES, 0.5) == [0]


def test_the_models_threshold_counts_unless_another_is_given() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.4, 1]], np.float32)
    image = [np.zeros((8, 8, 3), np.uint8)]
    predictor = Given(ModelSpec(suppression=Suppression(iou=0.3)), boxes, SCORES)
    assert [len(predictor.predict(image, None, iou)[0]) for iou in (None, 0.5, 0)] == [1, 2, 2]


def test_text_brings_it_back_and_old_files_say_only_the_iou() -> None:
    rule = Suppression(iou=0.3, sigma=0.7)
    assert Suppression.from_metadata(rule.to_metadata()) == rule
    assert Suppression.from_metadata({"nms_iou": "0.8"}) == Suppression(iou=0.8)


@pytest.mark.parametrize("values", [{"iou": 1.5}, {"iou": float("nan")}, {"sigma": 0.0}])
def test_values_out_of_range(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="nms_"):
        Suppression(**values)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UserError, match="greedy"):
        Suppression("greddy")


def test_an_exported_threshold_is_that_of_the_file(tmp_path: Path) -> None:
    from tests.export.conftest import make_family
    from uhd.export.onnx.export import export_onnx
    from uhd.runtime.onnx import OnnxPredictor

    path = tmp_path / "net.onnx"
    export_onnx(make_family("utod"), path, ModelSpec(), form="nms", nms_iou=0.8, simplify=False)
    predictor = OnnxPredictor(path)
    assert predictor.spec.suppression == Suppression(iou=0.8)
    assert predictor.session.get_modelmeta().custom_metadata_map["suppressed_at_iou"] == "0.8"


def test_another_iou_is_one_or_is_refused() -> None:
    assert Suppression().at(-1).iou == 0
    for iou in (float("nan"), 1.5):
        with pytest.raises(ValueError, match="is not between 0 and 1"):
            Suppression().at(iou)
