"""The least score of an exported file: given, or chosen on the training part of labelled images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from uhd import load
from uhd.card import ModelCard
from uhd.cli import main
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.models.weights import describe, save_weights


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model that was never trained."""
    torch.manual_seed(0)
    network = UltraTinyOD(UltraTinyODConfig(cnn_width=16))
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_weights(path, network.state_dict(), describe(network, **ModelCard(conf_thresh=0.3).to_checkpoint()))
    return path


def test_a_given_score_stands_in_the_file(checkpoint: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.onnx", tmp_path / "b.c"
    flags = ["--threshold", "0.42", "--no-merge-postprocess"]
    assert main(["export", str(checkpoint), "--output", str(first), *flags]) == 0
    assert load(first).predictor.spec.conf_thresh == pytest.approx(0.42)
    # A graph is told so, too.
    assert main(["export", str(first), "--format", "c", "--output", str(second), "--threshold", "0.25"]) == 0
    assert "CONF_THRESH 0.25f" in second.with_suffix(".h").read_text()


def test_it_is_chosen_on_the_training_part(checkpoint: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scores = {}
    for part in ("train", "val"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for i in range(6):
        image = rng.integers(0, 256, (64, 64, 3), np.uint8)
        for part in ("train", "val"):
            cv2.imwrite(str(tmp_path / "data" / part / f"{i}.png"), image)
        # What the model believes most and least is the person of the one part and of the other.
        found = load(checkpoint)(tmp_path / "data" / "train" / f"{i}.png", conf_thresh=1e-4)
        for part, row in (("train", 0), ("val", -1)):
            x1, y1, x2, y2 = found.xyxy[row] / 64
            line = f"0 {(x1 + x2) / 2} {(y1 + y2) / 2} {x2 - x1} {y2 - y1}\n"
            (tmp_path / "data" / part / f"{i}.txt").write_text(line)
            scores.setdefault(part, []).append(found.scores[row])
    path = tmp_path / "model.onnx"
    assert main(["export", str(checkpoint), "--output", str(path), "--threshold-data", str(tmp_path / "data")]) == 0
    chosen = load(path).predictor.spec.conf_thresh
    assert chosen <= min(scores["train"]) + 1e-6
    assert chosen > max(scores["val"])


def test_not_both(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--threshold", "0.4", "--threshold-data", str(tmp_path)]
    assert main(["export", str(checkpoint), "--output", str(tmp_path / "a.onnx"), *flags]) == 2
    assert "leave one of the two out" in capsys.readouterr().err
