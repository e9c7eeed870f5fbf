"""A LiteRT export that is stopped leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.export.conftest import class_names
from uhd.models.network import DetectorNetwork
from uhd.models.weights import describe, save_weights

pytest.importorskip("litert_torch", reason="litert-torch is not installed: pip install '.[litert]'")


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["converting with litert-torch", "making full-integer"])
def test_nothing_is_left_of_an_export_that_is_stopped(
    moment: str, network: DetectorNetwork, photographs: Path, tmp_path: Path
) -> None:
    meta = describe(network, img_size="32x48", resize_mode="opencv_inter_nearest", class_names=class_names(network))
    save_weights(tmp_path / "m.safetensors", network.state_dict(), meta)
    folder = tmp_path / "out"
    folder.mkdir()
    flags = ["--format", "litert", "--calibration", str(photographs), "--output", str(folder / "m.tflite")]
    command = [sys.executable, "-m", "uhd", "export", str(tmp_path / "m.safetensors"), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith(moment) for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 130
    assert list(folder.iterdir()) == []
