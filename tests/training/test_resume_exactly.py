"""A run that was interrupted or killed ends with the same weights as one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from uhd.cli import main
from uhd.training.checkpoint import newest_last


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for split, count in (("train", 48), ("val", 8)):
        (folder / split).mkdir()
        for i in range(count):
            image = np.full((72, 90, 3), rng.integers(0, 90), np.uint8)
            lines = []
            for _ in range(int(rng.integers(0, 3))):
                x, y, w, h = rng.integers(0, 40), rng.integers(0, 20), rng.integers(12, 50), rng.integers(20, 52)
                cv2.rectangle(image, (int(x), int(y)), (int(x + w), int(y + h)), (200, 180, 240), -1)
                lines.append(f"0 {(x + w / 2) / 90} {(y + h / 2) / 72} {w / 90} {h / 72}")
            cv2.imwrite(str(folder / split / f"{i}.png"), image)
            (folder / split / f"{i}.txt").write_text("\n".join(lines))
    return folder


def arguments(photos: Path, output: Path, epochs: int, **more: str) -> list[str]:
    flags = {"cnn-width": "4", "batch-size": "8", "threads": "1", "samples": "0", "warmup-steps": "3"} | more
    listed = [text for name, value in flags.items() for text in (f"--{name}", value)]
    return ["train", str(photos), "--output", str(output), "--exp-name", "a", "--epochs", str(epochs), *listed]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = torch.load(newest_last(folder), weights_only=True)
    slots = state["optimizer"]["state"]
    # The order in memory is that of the training, and no part of a file.
    assert all(value.is_contiguous() for value in state["model"].values())
    assert all(v.is_contiguous() for i in slots for v in slots[i].values() if torch.is_tensor(v))
    return (
        {f"model.{k}": v for k, v in state["model"].items()}
        | {f"ema.{k}": v for k, v in state["ema"].items()}
        | {f"slot.{i}.{k}": v for i in slots for k, v in slots[i].items() if torch.is_tensor(v)}
    )


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    output = tmp_path_factory.mktemp("whole")
    assert main(arguments(photos, output, 3)) == 0
    return weights(output / "a")


def test_two_runs_are_identical_whatever_the_workers(
    photos: Path, whole: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    assert main(arguments(photos, tmp_path, 3, **{"num-workers": "2"})) == 0
    assert_same(weights(tmp_path / "a"), whole)


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGKILL])
def test_stopped_at_any_moment_then_resumed(
    photos: Path, whole: dict[str, torch.Tensor], tmp_path: Path, number: signal.Signals
) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "uhd", *arguments(photos, tmp_path, 3)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = tmp_path / "a"
    deadline = time.monotonic() + 60
    while not list(folder.glob("last_*.pt")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    process.wait(60)
    assert list(folder.glob("last_*.pt")), "the run never saved"
    assert main(["train", "--resume", str(folder)]) == 0
    assert_same(weights(folder), whole)


def test_a_damaged_last_checkpoint_is_passed_over(photos: Path, tmp_path: Path) -> None:
    assert main(arguments(photos, tmp_path, 2)) == 0
    newest = newest_last(tmp_path / "a")
    newest.write_bytes(newest.read_bytes()[:1000])
    assert newest_last(tmp_path / "a") != newest
