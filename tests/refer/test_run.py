"""Runs of this task: equal for one seed, equal when killed and resumed, and usable from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import uhd
from tests.refer.small import small_network, small_trainer, small_world
from uhd.cli import main
from uhd.models.weights import read_checkpoint
from uhd.refer.data import open_refer
from uhd.refer.export import export_refer
from uhd.refer.onnx_finder import OnnxFinder
from uhd.refer.referrer import Referrer
from uhd.refer.torch_finder import TorchFinder
from uhd.training.hooks import Hook
from uhd.training.trainer import Interrupted, Trainer

PLACES = {"point": 1, "scribble": 12, "box": 2}


class StopAfter(Hook):
    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step(self, trainer: Trainer, parts: object) -> None:
        if trainer.step_count == self.steps:
            trainer.request_stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    data = small_world(tmp_path_factory.mktemp("world"))
    return data, open_refer(data, False)


def test_killed_and_resumed_equals_not_killed_and_seeds_are_equal(world, tmp_path: Path) -> None:
    data, opened = world
    whole = small_trainer(data, tmp_path / "whole", opened)
    figures = whole.fit()
    broken = small_trainer(data, tmp_path / "broken", opened)
    broken.hooks.append(StopAfter(3))
    with pytest.raises(Interrupted):
        broken.fit()
    state = read_checkpoint(tmp_path / "broken" / "last.pt")
    again = small_trainer(data, tmp_path / "broken", opened)
    again.restore(state, tmp_path)
    again.fit()
    for name, value in whole.task.model.state_dict().items():
        assert torch.equal(value, again.task.model.state_dict()[name]), name
    assert {"accuracy", "OKS AP", "oIoU", "accuracy/shuffled text", "accuracy/empty text"} <= figures.keys()
    assert 0 < figures["chance"] <= 1


def test_the_command_trains_measures_exports_and_predicts(world, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    data = world[0]
    small = ["--hidden-dim", "32", "--backbone-width", "8", "--num-queries", "5", "--img-size", "64"]
    run = ["--output", str(tmp_path), "--exp-name", "r", "--epochs", "1", "--batch-size", "3", "--no-tensorboard"]
    assert main(["refer", "train", str(data.data), *small, *run]) == 0
    assert main(["refer", "train", str(data.data), *small, *run]) == 2
    assert "holds a run already" in capsys.readouterr().err
    model = tmp_path / "refer.onnx"
    assert main(["refer", "export", str(tmp_path / "r"), "--output", str(model)]) == 0
    assert main(["refer", "val", str(data.data), "--model", str(model), "--json", str(tmp_path / "v.json")]) == 0
    table = json.loads((tmp_path / "v.json").read_text())
    assert {"text", "shuffled text", "empty text", "point", "scribble", "box"} <= table["groups"].keys()
    picture, drawn = data.data / "images" / "val_000000.png", tmp_path / "drawn.png"
    before = picture.read_bytes()
    for prompt in (["--text", "the leftmost person"], ["--point", "30,30"], ["--box", "5,5,40,60"],
                   ["--scribble", "10,10,20,30,15,20"]):  # fmt: skip
        words = ["refer", "predict", str(picture), "--model", str(model), *prompt]
        assert main([*words, "--json", str(tmp_path / "a.json"), "--output", str(drawn)]) == 0
        (answer,) = json.loads((tmp_path / "a.json").read_text())["answers"]
        assert len(answer["keypoints"]) == 17
        assert 0 <= answer["box"][0] <= answer["box"][2] <= 64
        assert cv2.imread(str(drawn)).shape == (64, 64, 3)
    assert picture.read_bytes() == before
    capsys.readouterr()
    assert main(["refer", "predict", str(picture), "--model", str(model)]) == 2
    assert main(["refer", "predict", str(picture), "--model", str(model), "--point", "1,2,3"]) == 2
    assert main(["refer", "predict", str(picture), "--text", "x", "--output", str(picture), "--model", str(model)]) == 2
    assert "would replace" in capsys.readouterr().err


def test_two_graphs_answer_as_the_network(tmp_path: Path) -> None:
    network, size = small_network(), (64, 96)
    path = tmp_path / "refer.onnx"
    assert export_refer(network, path, size, "opencv_inter_linear", {}) < 1e-4
    image = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
    graphs, torch_finder = OnnxFinder(path), TorchFinder(network, size, "opencv_inter_linear")
    a, b = graphs.look(image[None])[0], torch_finder.look(image[None])[0]
    for name in ("boxes", "keypoints", "visibility", "person"):
        assert np.allclose(getattr(a, name), getattr(b, name), atol=1e-4), name
    for texts in (["the person"], ["the left person in the red shirt", "red", ""]):
        assert np.allclose(graphs.ask_texts(a, texts), torch_finder.ask_texts(b, texts), atol=1e-4)
    for kind, count in PLACES.items():
        points = np.random.default_rng(1).random((2, count, 2)).astype(np.float32)
        assert np.allclose(graphs.ask_places(a, points, kind), torch_finder.ask_places(b, points, kind), atol=1e-4)
    loaded = uhd.load(path)
    assert isinstance(loaded, Referrer)
    answer = loaded(np.repeat(image, 2, 0), text="the left person")
    assert answer.mask.shape == (2 * size[0], size[1])
    with pytest.raises(uhd.UserError, match="one prompt"):
        loaded(image)
    with pytest.raises(uhd.UserError, match="multiples of 32"):
        export_refer(network, path, (60, 64), "opencv_inter_linear", {})
    (tmp_path / "refer.prompt.onnx").unlink()
    with pytest.raises(uhd.UserError, match="two files"):
        uhd.load(path)


def test_the_cascade_asks_only_where_somebody_is() -> None:
    class Never:
        size, resize_mode = (64, 64), "opencv_inter_linear"

        def look(self, images: np.ndarray) -> list:
            raise AssertionError("looked although nobody is there")

    image = np.zeros((80, 60, 3), np.uint8)
    assert Referrer(Never()).everybody(image, lambda _: uhd.Detections.empty((80, 60))) == []
    finder = TorchFinder(small_network(), (64, 64), "opencv_inter_linear")
    boxes = np.array([[5, 5, 30, 60], [20, 10, 50, 70]], np.float32)
    some = uhd.Detections(boxes, np.ones(2, np.float32), np.zeros(2, np.int64), (80, 60))
    answers = Referrer(finder).everybody(image, lambda _: some)
    assert [answer.prompt for answer in answers] == [{"box": box.tolist()} for box in boxes]
