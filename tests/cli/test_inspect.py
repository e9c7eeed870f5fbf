"""``uhd inspect`` and the original's ``tools/inspect_checkpoint.py``."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from uhd.cli import main, original
from uhd.cli.keras_file import read_keras
from uhd.errors import UserError
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig

ANCHORS = ((0.1, 0.2), (0.25, 0.5))


def test_a_checkpoint_tells_its_anchors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = UltraTinyOD(UltraTinyODConfig(cnn_width=4, anchors=ANCHORS))
    torch.save({"model": network.state_dict(), "epoch": 3, "resize_mode": "torch_bilinear"}, tmp_path / "a.pt")
    assert original.inspect_checkpoint([str(tmp_path / "a.pt"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["anchors"] == [list(pair) for pair in ANCHORS]
    assert found["wh_scale"] == [[1.0, 1.0], [1.0, 1.0]]
    assert found["metadata"] == {"epoch": 3, "resize_mode": "torch_bilinear"}
    assert found["tensors"]["head.anchors"] == "[2, 2] torch.float32"


def test_the_script_runs_by_its_path(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "tools" / "inspect_checkpoint.py"
    command = [sys.executable, str(script), str(tmp_path / "none.keras")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (2, f"error: {tmp_path / 'none.keras'}: no such file\n")


def write_keras(path: Path, weights: bytes) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        file.writestr("config.json", json.dumps({"class_name": "Functional"}))
        file.writestr("model.weights.h5", weights)


def test_a_keras_file_tells_its_anchors(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["layers/stem/vars/0"] = np.zeros((3, 3, 3, 4), np.float32)
        file["layers/head/vars/0"] = np.array([[1.1, 0.9], [1.3, 1.0]], np.float32)
        file["layers/head/vars/1"] = np.array(ANCHORS, np.float32)
        file["optimizer/vars/1"] = np.zeros((2, 2), np.float32)
    write_keras(tmp_path / "a.keras", content.getvalue())
    found = read_keras(tmp_path / "a.keras")
    assert np.allclose(found["anchors"], ANCHORS)
    assert np.allclose(found["wh_scale"], [[1.1, 0.9], [1.3, 1.0]])
    assert found["metadata"] == {"keras_version": "3.15.1", "class_name": "Functional"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x80\x04N."])
def test_what_is_no_keras_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.keras").write_bytes(content)
    with pytest.raises(UserError, match=r"not a \.keras file"):
        read_keras(tmp_path / "a.keras")


def test_info_has_a_table_of_layers_and_a_transformer_a_number_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    """``--layers`` is a number; the table is switched off by the name that was its own."""
    command = ["info", "--arch", "transformer", "--activation", "relu"]
    assert main([*command, "--layers", "1", "--no-layers"]) == 0
    short = capsys.readouterr().out
    assert main([*command, "--layers", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > len(short.splitlines())
    assert main([*command, "--layers", "2", "--no-layers"]) == 0
    assert capsys.readouterr().out != short
