"""All faces of all heads agree, and a head is added with one file and one line for each dict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.export.c.conftest import STRICT
from tests.export.conftest import class_names, make_family
from tests.heads import toy_head
from uhd.assigners.targets import Targets
from uhd.card import ModelCard
from uhd.export.c import export_c
from uhd.export.c.open_model import DECODERS
from uhd.export.c.predictor import CPredictor, compiler
from uhd.export.c_target import open_network
from uhd.export.onnx.export import export_onnx
from uhd.export.onnx.heads import GRAPHS
from uhd.heads import HEADS, HeadLayout
from uhd.losses import OBJECTIVES, build_objective
from uhd.losses.config import LossConfig
from uhd.losses.distillation.dense import READERS, read_dense
from uhd.losses.distillation.terms import TERMS
from uhd.models.network import DetectorNetwork, maps_of
from uhd.models.predictor import TorchPredictor
from uhd.runtime.onnx import OnnxPredictor
from uhd.runtime.predictor import Prediction, Predictor

NETWORKS = (
    "utod",
    "utod_classes",
    "utod_attributes",
    "utod_multi_label",
    "centernet_classes",
    "transformer",
    "utod_one_to_one",
)
PHOTO = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
FORMS = ("merged", "raw", "parts", "primitive")


def rows(prediction: Prediction, most: int) -> np.ndarray:
    """Return the best entries (K, 6) of boxes and scores: score, class, box."""
    boxes, scores = prediction
    order = np.argsort(-scores, axis=None, kind="stable")[:most]
    place, kind = np.unravel_index(order, scores.shape)
    return np.concatenate([scores[place, kind][:, None], kind[:, None], boxes[place]], 1)


def agree(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found[:, 0], expected[: len(found), 0], atol=2e-5)
    found = found[found[:, 0] > 1e-3]
    # Equal scores come in any order, also around the end of the list.
    assert len(found)
    assert np.abs(found[:, None] - expected[None]).max(2).min(1).max() < 2e-3


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", FORMS)
def test_the_graph_says_what_numpy_says(name: str, form: str, tmp_path: Path) -> None:
    network = make_family(name)
    card = ModelCard(class_names=class_names(network))
    export_onnx(network, tmp_path / "net.onnx", card, form, simplify=False, verify=False)
    predictor = OnnxPredictor(tmp_path / "net.onnx")
    agree(_best(predictor, name), _best(TorchPredictor(network, card), name, 60))


def _best(predictor: Predictor, name: str, most: int = 20) -> np.ndarray:
    boxes, scores = predictor.infer(predictor.preprocess([PHOTO]))[0]
    if name in ("utod_classes", "transformer", "utod_one_to_one"):
        # One class each: merged rows hold the best alone.
        scores = np.where(scores == scores.max(1, keepdims=True), scores, 0)
    return rows((boxes, scores), most)


@pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")
@pytest.mark.parametrize("name", ["utod_classes", "utod_attributes", "centernet_classes", "utod_one_to_one"])
def test_c_says_what_numpy_says(name: str, tmp_path: Path) -> None:
    network = make_family(name)
    card = ModelCard(input_size=(32, 32), class_names=class_names(network))
    export_c(open_network(network, card), tmp_path / "net.c")
    agree(_best(CPredictor(tmp_path / "net.c", flags=STRICT), name), _best(TorchPredictor(network, card), name, 60))


@pytest.mark.parametrize("name", ["utod", "utod_classes", "centernet_classes", "utod_anchor_free", "utod_one_to_one"])
def test_predictions_with_gradient_are_those_of_numpy(name: str) -> None:
    network = make_family(name)
    images = torch.from_numpy(np.random.default_rng(0).random((2, 3, 64, 64), np.float32))
    raw = network(images)
    dense = read_dense(network, raw)
    assert dense.boxes.requires_grad
    boxes = dense.boxes.detach().numpy()
    corners = np.concatenate([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)
    for i, (expected, scores) in enumerate(
        network.layout().predictions(tuple(m.detach().numpy() for m in maps_of(raw)))
    ):
        best = expected[scores.max(1).argmax()]
        assert np.abs(corners[i] - best).max(1).min() < 1e-4


def test_every_face_belongs_to_a_head() -> None:
    assert set(GRAPHS) == set(OBJECTIVES) == set(HEADS)
    assert set(TERMS) == set(HEADS)
    assert set(READERS) <= set(HEADS)
    assert set(DECODERS) <= set(HEADS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_layout_is_rebuilt_from_its_text(name: str) -> None:
    layout = make_family(name).layout()
    again = HEADS[layout.kind].from_metadata(layout.to_metadata())
    assert again.to_metadata() == layout.to_metadata()
    assert again.every_class == layout.every_class
    if isinstance(layout, HeadLayout):
        assert isinstance(again, HeadLayout)
        assert again.classes == layout.classes
        np.testing.assert_allclose(again.anchors, layout.anchors, atol=1e-7)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> DetectorNetwork:
    monkeypatch.setitem(HEADS, toy_head.KIND, toy_head.LAYOUT)
    monkeypatch.setitem(GRAPHS, toy_head.KIND, toy_head.GRAPH)
    monkeypatch.setitem(OBJECTIVES, toy_head.KIND, toy_head.OBJECTIVE)
    torch.manual_seed(0)
    return toy_head.ToyNetwork()


def test_an_added_head_is_trained_exported_and_decoded(toy: DetectorNetwork, tmp_path: Path) -> None:
    box = np.array([[0.25, 0.25, 0.5, 0.75]], np.float32)
    targets = Targets(torch.from_numpy(box[None]), torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 0, 4))
    card = ModelCard(class_names=("person",), arch=toy.arch)
    photo = TorchPredictor(toy, card).preprocess([PHOTO])
    objective = build_objective(toy, LossConfig())
    step = torch.optim.Adam(toy.parameters(), 0.02)
    for _ in range(250):
        total, _ = objective(toy(torch.from_numpy(photo)), targets)
        step.zero_grad()
        total.backward()
        step.step()
    for form in ("merged", "nms", "raw", "primitive"):
        path = tmp_path / f"{form}.onnx"
        export_onnx(toy, path, card, form, simplify=False)
        found = OnnxPredictor(path).predict([PHOTO], 0.5)[0]
        np.testing.assert_allclose(found.xyxy[0] / 64, box[0], atol=0.05)
