"""Runs with a teacher, from the command line: an exact resume, weights without the adapter, a sharper view."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.training.test_resume_exactly import arguments, assert_same, photos, weights
from uhd.cli import main
from uhd.models import create_model
from uhd.models.weights import describe, load_model, read_weights, save_weights
from uhd.training.checkpoint import newest_last

__all__ = ["photos"]


@pytest.fixture(scope="module")
def teacher(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained teacher, wider and sharper than the student."""
    torch.manual_seed(5)
    model = create_model(cnn_width=6, num_anchors=3)
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    meta = describe(model, img_size="128x128", resize_mode="opencv_inter_nearest")
    save_weights(path, model.state_dict(), meta)
    return path


def taught(photos: Path, output: Path, epochs: int, teacher: Path, **more: str) -> list[str]:
    flags = {"teacher-ckpt": str(teacher), "distill-feat": "1", "img-size": "64x64"} | more
    return [*arguments(photos, output, epochs, **flags), "--override-from-teacher-anchors", "--distill-cosine"]


def everything(folder: Path) -> dict[str, torch.Tensor]:
    return weights(folder) | torch.load(newest_last(folder), weights_only=True)["companion"]


@pytest.fixture(scope="module")
def whole(photos: Path, teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("whole")
    assert main(taught(photos, output, 3, teacher, keep="5")) == 0
    return output / "a"


@pytest.mark.slow
def test_a_killed_run_is_resumed_to_the_same_weights_and_adapter(
    photos: Path, teacher: Path, whole: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "uhd", *taught(photos, tmp_path, 3, teacher)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder, deadline = tmp_path / "a", time.monotonic() + 60
    while not list(folder.glob("last_*.pt")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait(60)
    assert main(["train", "--resume", str(folder)]) == 0
    assert_same(everything(folder), everything(whole))


def test_workers_change_nothing(photos: Path, teacher: Path, whole: Path, tmp_path: Path) -> None:
    assert main(taught(photos, tmp_path, 3, teacher, **{"num-workers": "2"})) == 0
    assert_same(everything(tmp_path / "a"), everything(whole))


def test_the_adapter_trains_and_is_no_part_of_the_student(whole: Path) -> None:
    first, last = (torch.load(sorted(whole.glob("last_*.pt"))[i], weights_only=True) for i in (0, -1))
    assert set(last["companion"]) == {"adapter.weight", "adapter.bias"}
    for name, value in last["companion"].items():
        assert not torch.equal(value, first["companion"][name]), name
    names = set(read_weights(sorted(whole.glob("last_*.safetensors"))[-1])[0])
    assert names == set(create_model(cnn_width=4, num_anchors=3).state_dict())
    assert "distill_feat" in (whole / "metrics.csv").read_text()


def test_the_student_has_the_teachers_anchors(whole: Path, teacher: Path) -> None:
    student, _ = load_model(sorted(whole.glob("last_*.safetensors"))[-1])
    assert torch.equal(student.anchors, load_model(teacher)[0].anchors)


def test_a_teacher_that_is_gone_is_named(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments(photos, tmp_path, 1), "--teacher-ckpt", str(tmp_path / "gone.pt")]) == 2
    assert "gone.pt" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
