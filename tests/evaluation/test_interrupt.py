"""Ctrl-C while a model is measured says how far it came, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import uhd
from uhd.cli import main
from uhd.runtime.predictor import Prediction

COUNT = 70  # more than one batch of 64


def test_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for i in range(COUNT):
        cv2.imwrite(str(data / f"{i}.png"), np.full((8, 8, 3), i, np.uint8))
        (data / f"{i}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    kind = type(uhd.load().predictor)
    infer, asked = kind.infer, []

    def interrupted(self: object, batch: NDArray[np.float32]) -> list[Prediction]:
        asked.append(len(batch))
        if len(asked) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return infer(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "infer", interrupted)
    output = tmp_path / "report.json"
    # Runners that spread tests over processes make those deaf to SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(["val", str(data), "--json", str(output)]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == f"stopped after 64 of {COUNT} images; nothing was measured or written"
    assert "AP50" not in said.out
    assert not output.exists()
