"""Objects with several labels: an attribute is learnt from drawn images, in a branch of its own and in a shared one."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from uhd.cli import main
from uhd.models.weights import load_model
from uhd.training.checkpoint import newest_last

torch.set_num_threads(1)
ROLES = ["--multi-label-det-classes", "3", "--multi-label-attr-classes", "0,7"]
NAMES = ["person", "hat", "shoes"]  # class 3, then the attributes 0 and 7


def draw_photos(folder: Path) -> None:
    rng = np.random.default_rng(1)
    for split, count in (("train", 96), ("val", 24)):
        (folder / split).mkdir(parents=True)
        for i in range(count):
            image = np.full((64, 64, 3), 60, np.uint8)
            x, y = (int(v) for v in rng.integers(4, 30, 2))
            w, h = (int(v) for v in rng.integers(18, 28, 2))
            hat, shoes = rng.random(2) < 0.5
            cv2.rectangle(image, (x, y), (x + w, y + h), (150, 150, 150), -1)
            if hat:
                cv2.rectangle(image, (x, y), (x + w, y + 7), (0, 0, 255), -1)
            if shoes:
                cv2.rectangle(image, (x, y + h - 7), (x + w, y + h), (255, 60, 0), -1)
            place = f"{(x + w / 2) / 64} {(y + h / 2) / 64} {w / 64} {h / 64}"
            raw = [3, *([0] if hat else []), *([7] if shoes else [])]
            cv2.imwrite(str(folder / split / f"{i}.png"), image)
            (folder / split / f"{i}.txt").write_text("".join(f"{number} {place}\n" for number in raw))
    (folder / "aug.yaml").write_text("data_augment:\n  HorizontalFlip: 0.5\n")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw_photos(folder)
    return folder


def train(photos: Path, output: Path, mode: str, epochs: int, *more: str) -> Path:
    flags = ["--cnn-width", "8", "--batch-size", "16", "--threads", "1", "--samples", "2", "--warmup-steps", "5"]
    flags += ["--no-utod-large-obj-branch", "--num-anchors", "2", "--output-stride", "8", "--eval-interval", "100"]
    flags += ["--ema-decay", "0.9", "--classes", "0,3,7", "--class-names", "hat,person,shoes", "--no-tensorboard"]
    flags += ["--aug-config", str(photos / "aug.yaml"), "--utod-residual", "--object-share", "none"]
    command = ["train", str(photos), "--output", str(output), "--exp-name", "a", "--epochs", str(epochs)]
    assert main([*command, *flags, "--multi-label-mode", mode, *ROLES, *more]) == 0
    return output / "a"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["separate", "single"])
def test_attributes_are_learnt(mode: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = train(photos, tmp_path, mode, 30)
    weights = newest_last(folder).with_suffix(".safetensors")
    network, meta = load_model(weights)
    assert network.config.num_attributes == (2 if mode == "separate" else 0)
    assert (meta["classes"], meta["class_names"]) == ([3, 0, 7], NAMES)
    assert main(["val", str(photos), "--model", str(weights), "--json", str(tmp_path / "r.json")]) == 0
    found = json.loads((tmp_path / "r.json").read_text())["AP50_by_class"]
    assert set(found) == set(NAMES)
    # Without knowing the attribute, half of the detections are wrong.
    assert min(found.values()) > 0.8, found

    capsys.readouterr()
    image = str(photos / "val" / "0.png")
    command = ["predict", image, "--model", str(weights), "--json", str(tmp_path / "p.json"), "--no-draw"]
    assert main([*command, "--conf-thresh", "0.3"]) == 0
    detections = json.loads((tmp_path / "p.json").read_text())["detections"]
    raw = {int(line.split()[0]) for line in (photos / "val" / "0.txt").read_text().splitlines()}
    assert {each["class_name"] for each in detections} == {{3: "person", 0: "hat", 7: "shoes"}[n] for n in raw}


@pytest.mark.parametrize("mode", ["separate", "single"])
def test_onnx_finds_what_torch_finds(mode: str, photos: Path, tmp_path: Path) -> None:
    folder = train(photos, tmp_path, mode, 1)
    weights, graph = newest_last(folder).with_suffix(".safetensors"), tmp_path / "a.onnx"
    export = ["export", str(weights), "--output", str(graph), "--verify", "--no-merge-postprocess"]
    assert main([*export, "--noconcat-box-obj-quality-cls"]) == 0
    found = []
    for model in (weights, graph):
        out = tmp_path / f"{model.suffix[1:]}.json"
        command = ["predict", str(photos / "val" / "0.png"), "--model", str(model), "--json", str(out), "--no-draw"]
        assert main([*command, "--conf-thresh", "0.0001", "--most", "20"]) == 0
        found.append(json.loads(out.read_text())["detections"])
    assert len(found[0]) == 20
    # Scores of an untrained network lie close together: compare them, not the order of their boxes.
    assert [each["score"] for each in found[0]] == pytest.approx([each["score"] for each in found[1]], abs=1e-4)
    assert {each["class_name"] for each in found[0]} == {each["class_name"] for each in found[1]}
