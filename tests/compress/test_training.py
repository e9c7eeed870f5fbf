"""A fake-quantised run trains, continues exactly, says so in its files, and is exported."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from uhd.cli import main
from uhd.training.checkpoint import newest_last

torch.set_num_threads(1)
BITS = {"bits": ["--w-bits", "4", "--a-bits", "4"], "qat": ["--qat", "--qat-disable-observer-epoch", "1"]}
BITS["device"] = [*BITS["qat"], "--qat-backend", "esp32s3"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("val", 4)):
        (folder / split).mkdir()
        for i in range(count):
            image = np.full((64, 64, 3), 40, np.uint8)
            x, y = (int(v) for v in rng.integers(4, 30, 2))
            cv2.rectangle(image, (x, y), (x + 20, y + 30), (200, 180, 240), -1)
            cv2.imwrite(str(folder / split / f"{i}.png"), image)
            (folder / split / f"{i}.txt").write_text(f"0 {(x + 10) / 64} {(y + 15) / 64} {20 / 64} {30 / 64}")
    return folder


def train(photos: Path, output: Path, epochs: int, *more: str) -> Path:
    flags = ["--cnn-width", "4", "--batch-size", "8", "--threads", "1", "--samples", "0", "--warmup-steps", "0"]
    command = ["train", str(photos), "--output", str(output), "--exp-name", "a", "--epochs", str(epochs), *flags]
    assert main([*command, "--no-tensorboard", *more]) == 0
    return output / "a"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(newest_last(folder), weights_only=True)
    return {f"model.{k}": v for k, v in state["model"].items()} | {f"ema.{k}": v for k, v in state["ema"].items()}


@pytest.mark.parametrize(
    "kind", [pytest.param("bits", marks=pytest.mark.slow), pytest.param("qat", marks=pytest.mark.slow), "device"]
)
def test_resumes_exactly_and_is_exported(
    kind: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["--ckpt", str(newest_last(train(photos, tmp_path / "float", 1)))] if kind == "device" else []
    whole = weights(train(photos, tmp_path / "whole", 3, *BITS[kind], *start))
    assert any(name.endswith("stem.observed") for name in whole) == (kind != "bits")
    assert any(name.endswith("box_out.observed") for name in whole) == (kind == "device")
    folder = train(photos, tmp_path / "halves", 3, *BITS[kind], *start, "--patience", "1", "--eval-interval", "1")
    for path in sorted(folder.glob("last_*_000[23].*")):
        path.unlink()
    assert main(["train", "--resume", str(folder), "--patience", "0"]) == 0
    again = weights(folder)
    assert again.keys() == whole.keys()
    assert [name for name in whole if not torch.equal(whole[name], again[name])] == []

    model = sorted(folder.glob("last_*.safetensors"))[-1]
    capsys.readouterr()
    assert main(["info", str(model), "--no-layers"]) == 0
    assert "fake-quantised" in capsys.readouterr().out
    assert main(["export", str(model), "--output", str(tmp_path / "a.onnx"), "--verify"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("largest difference"))
    assert float(line.split()[-1]) < 1e-4  # to the rounded weights that the file holds
    assert main(["val", str(photos), "--model", str(model)]) == 0
    assert main(["val", str(photos), "--model", str(tmp_path / "a.onnx")]) == 0


def test_a_float_run_starts_from_quantised_weights(photos: Path, tmp_path: Path) -> None:
    observed = train(photos, tmp_path / "q", 1, *BITS["qat"])
    checkpoint = str(newest_last(observed))
    folder = train(photos, tmp_path / "f", 1, "--ckpt", checkpoint, "--no-qat")
    assert not any("observed" in name for name in weights(folder))


def test_overlapping_targets_are_one_clear_line(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(photos), "--w-bits", "4", "--highbit-quant-target", "head"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: the head")
    assert error.count("\n") == 1
