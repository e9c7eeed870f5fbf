"""``.keras`` files: there and back to the bit, found people the same as in torch, bad files one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("keras", reason="keras is not installed: pip install '.[keras]'")

from uhd.card import ModelCard
from uhd.cli import main
from uhd.config import to_plain
from uhd.load import load
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.network import UltraTinyOD
from uhd.models.weights import read_weights, save_weights


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = UltraTinyOD(UltraTinyODConfig(cnn_width=8, num_anchors=2, anchors=((0.2, 0.5), (0.4, 0.8))))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    card = ModelCard(input_size=(32, 64), class_names=("someone",), licence="MIT")
    meta = {"arch": "ultratinyod", "model_config": to_plain(network.config), **card.to_checkpoint()}
    save_weights(tmp_path / "a.safetensors", network.state_dict(), meta)
    return tmp_path / "a.safetensors"


def test_there_and_back(checkpoint: Path, tmp_path: Path) -> None:
    there, back = tmp_path / "b.keras", tmp_path / "c.safetensors"
    assert main(["convert-weights", str(checkpoint), str(there)]) == 0
    assert main(["convert-weights", str(there), str(back)]) == 0
    (before, told), (after, again) = read_weights(checkpoint), read_weights(back)
    assert before.keys() == after.keys()
    for name in before:
        assert torch.equal(before[name], after[name]), name
    assert again["model_config"] == told["model_config"]


def test_the_keras_file_finds_what_the_checkpoint_finds(checkpoint: Path, tmp_path: Path) -> None:
    main(["convert-weights", str(checkpoint), str(tmp_path / "b.keras")])
    image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    ours, theirs = load(tmp_path / "b.keras").predictor, load(checkpoint).predictor
    assert ours.spec.input_size == theirs.spec.input_size == (32, 64)
    assert ours.spec.class_names == ("someone",)
    assert ours.spec.licence == "MIT"
    found, expected = (each.predict([image], conf_thresh=1e-4, nms_iou=0)[0] for each in (ours, theirs))
    assert len(found) == len(expected) > 10
    assert found.xyxy == pytest.approx(expected.xyxy, abs=1e-3)
    assert found.scores == pytest.approx(expected.scores, abs=1e-5)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["A"], "needs two files"),
        (["A", "A"], "exists already"),
        (["A", "b.onnx"], "is .pt or .safetensors and the other .keras"),
        (["none.pt", "b.keras"], "none.pt"),
    ],
)
def test_what_cannot_be_done_is_said(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    places = [str(checkpoint) if word == "A" else str(tmp_path / word) for word in words]
    assert main(["convert-weights", *places]) == 2
    assert told in capsys.readouterr().err


def test_a_file_that_is_no_detector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "junk.keras").write_bytes(b"junk")
    assert main(["convert-weights", str(tmp_path / "junk.keras"), str(tmp_path / "b.safetensors")]) == 2
    assert "junk.keras: not a Keras detector" in capsys.readouterr().err
