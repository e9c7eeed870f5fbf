"""An image that breaks during a run is gray, said once, and counted at the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.training.test_resume_exactly import arguments, photos
from uhd.cli import main
from uhd.detect import run
from uhd.training.trainer import Trainer

__all__ = ["photos"]


def test_an_image_that_breaks_is_said_once(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "photos"
    shutil.copytree(photos, data)
    claim = run.claim

    def break_one(plan: run.Plan, trainer: Trainer) -> None:
        claim(plan, trainer)
        (data / "train" / "7.png").write_bytes(b"gone")

    monkeypatch.setattr(run, "claim", break_one)
    assert main([*arguments(data, tmp_path, 3), "--cache", "none", "--coco-eval"]) == 0
    said = capsys.readouterr().out
    assert said.count(str(data / "train" / "7.png")) == 1
    at = said.index("1 image could not be read again during training")
    assert at < said.index("COCO/AP50") < said.index("best: ")
