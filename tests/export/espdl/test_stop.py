"""An export that is stopped leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.usefixtures("esp_ppq")
def test_nothing_is_left_of_an_export_that_is_stopped(checkpoint: Path, photographs: Path, tmp_path: Path) -> None:
    flags = [
        "--format",
        "espdl",
        "--calibration",
        photographs,
        "--output",
        tmp_path / "m.espdl",
        "--calib-steps",
        "5000",
    ]
    command = [sys.executable, "-m", "uhd", "export", checkpoint, *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("quantising for") for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) != 0
    assert list(tmp_path.iterdir()) == []
