"""Every architecture and its flags from the command line: train, measure, export, predict, count."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.cli import main as uhd
from uhd.cli import original
from uhd.load import load
from uhd.models.weights import load_model

FLAGS: dict[str, str] = {
    "centernet": "--arch cnn --cnn-width 8 --output-stride 4 --use-skip --last-se se --last-width-scale 1.5",
    "centernet of two classes": "--arch cnn --cnn-width 8 --output-stride 8 --last-se ese --classes 0,1",
    "anchors": "--arch cnn --cnn-width 8 --use-anchor --output-stride 16 --num-anchors 2",
    "grey": "--arch cnn --cnn-width 8 --resize-mode opencv_inter_nearest_y --topk 9 --no-heatmap-peaks",
    "microcspnet": "--arch cnn --backbone microcspnet --use-anchor --backbone-se se",
    "ultratinyresnet": "--arch cnn --backbone ultratinyresnet --backbone-channels 4,8,8 --backbone-blocks 1,0,1 "
    "--backbone-skip-s2d-cat --backbone-fpn --backbone-se ese --backbone-out-stride 8",
    "enhanced-shufflenet": "--arch cnn --backbone enhanced-shufflenet --backbone-skip",
    "transformer": "--arch transformer --num-queries 4 --d-model 8 --heads 2 --layers 2 --dim-feedforward 12",
    "transformer with a pyramid": "--arch transformer --d-model 8 --heads 1 --layers 1 --dim-feedforward 8 --use-fpn "
    "--classes 0,1 --activation swish",
}
SLOW = (
    "centernet of two classes",
    "ultratinyresnet",
    "grey",
    "microcspnet",
    "enhanced-shufflenet",
    "transformer with a pyramid",
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of a bright figure on a dark ground, of class 0 or 1, with YOLO labels."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(12):
        image = rng.integers(0, 90, (48, 64, 3), np.uint8)
        left, top = int(rng.integers(0, 40)), int(rng.integers(0, 20))
        image[top : top + 28, left : left + 16] = 220
        cv2.imwrite(str(folder / f"{i:02d}.png"), image)
        (folder / f"{i:02d}.txt").write_text(f"{i % 2} {(left + 8) / 64} {(top + 14) / 48} 0.25 {28 / 48}\n")
    return folder


def train(flags: str, images: Path, folder: Path, *more: str) -> Path:
    """Return the last checkpoint of one epoch at 32x32."""
    words = [*flags.split(), "--image-dir", str(images), "--img-size", "32x32", "--epochs", "1", "--batch-size", "4"]
    words += ["--num-workers", "0", "--output", str(folder), "--exp-name", "r", "--samples", "1", "--no-tensorboard"]
    assert uhd(["train", *words, *more]) == 0
    return sorted((folder / "r").glob("last_*.pt"))[-1]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in FLAGS]
)
def test_from_training_to_predictions(name: str, images: Path, tmp_path: Path) -> None:
    checkpoint = train(FLAGS[name], images, tmp_path, "--coco-eval", "--val-count", "2")
    with (tmp_path / "r" / "metrics.csv").open() as file:
        row = list(csv.DictReader(file))[-1]
    assert {"val/AP50", "val/COCO/AP", "train/loss"} <= set(row)
    assert np.isfinite(float(row["train/loss"]))
    assert checkpoint.name.startswith("last_cnn_" if "cnn" in FLAGS[name] else "last_tf_")

    photo = cv2.cvtColor(cv2.imread(str(images / "00.png")), cv2.COLOR_BGR2RGB)
    exported = tmp_path / "m.onnx"
    assert uhd(["export", str(checkpoint), "--output", str(exported)]) == 0
    ours, theirs = load(checkpoint, conf_thresh=0.0)(photo), load(exported, conf_thresh=0.0)(photo)
    assert len(ours) == len(theirs)
    assert len(ours) > 0 or "off" in load_model(checkpoint)[0].output_names  # CenterNet's first sizes may be negative
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)
    assert uhd(["val", str(images), "--model", str(exported)]) == 0
    assert uhd(["predict", "--model", str(checkpoint), str(images / "00.png"), "--output", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "00.png").is_file()


@pytest.mark.parametrize("name", FLAGS)
def test_info_counts_what_the_flags_describe(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert uhd(["info", *FLAGS[name].split(), "--img-size", "32x32", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["folded"] <= found["params"] == found["backbone"] + found["head"]
    assert found["head"] > 0
    assert found["macs"] == sum(layer["macs"] for layer in found["layers"]) > 0


@pytest.mark.parametrize("name", [pytest.param("centernet", marks=pytest.mark.slow), "transformer"])
def test_a_checkpoint_brings_its_architecture(
    name: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = train(FLAGS[name], images, tmp_path)
    config = load_model(checkpoint)[0].config
    again = train("", images, tmp_path / "again", "--ckpt", str(checkpoint))
    assert load_model(again)[0].config == config
    capsys.readouterr()
    words = ["train", "--val-only", "--ckpt", str(checkpoint), "--image-dir", str(images), "--val-count", "1"]
    assert uhd([*words, "--output", str(tmp_path), "--exp-name", "v"]) == 0
    assert "AP50" in capsys.readouterr().out
    assert uhd(["train", "--resume", str(tmp_path / "r"), "--epochs", "2"]) == 0
    assert (tmp_path / "r" / checkpoint.name.replace("0001", "0002")).is_file()


@pytest.mark.parametrize("flags", ["--output-stride 8 --use-anchor", ""])
def test_the_originals_script_starts_with_the_cnn(flags: str, images: Path, tmp_path: Path) -> None:
    """Its default architecture is cnn, at stride 16, with its own objective."""
    words = [*flags.split(), "--image-dir", str(images), "--img-size", "32x32", "--cnn-width", "8", "--epochs", "1"]
    words += ["--num-workers", "0", "--output", str(tmp_path), "--samples", "0", "--no-tensorboard"]
    assert original.train(words) == 0
    checkpoint = next((tmp_path / "default").glob("last_*.pt"))
    model, meta = load_model(checkpoint)
    assert (model.arch, model.stride) == ("cnn", 8 if flags else 16)
    assert meta["activation"] == "swish"
