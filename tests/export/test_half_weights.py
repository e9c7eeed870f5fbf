"""Weights in 16 bits: half the file, nearly the same numbers, and every reader of ours takes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from uhd.card import ModelSpec
from uhd.cli import main
from uhd.export.c.open_model import open_onnx
from uhd.export.onnx.export import export_onnx
from uhd.export.onnx.profile import profile_onnx
from uhd.export.onnx_file import read_onnx
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig


def _written(folder: Path, form: str, half: bool) -> Path:
    torch.manual_seed(0)
    path = folder / f"{form}_{half}.onnx"
    export_onnx(UltraTinyOD(UltraTinyODConfig(cnn_width=16)), path, ModelSpec(), form, half_weights=half)
    return path


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the raw form with whole and with half weights."""
    folder = tmp_path_factory.mktemp("half")
    return _written(folder, "raw", False), _written(folder, "raw", True)


def test_half_the_file_and_nearly_the_same_numbers(raw: tuple[Path, Path]) -> None:
    whole, half = raw
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    image = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    maps = [
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"input_rgb": image})
        for path in raw
    ]
    for a, b in zip(*maps, strict=True):
        assert b.dtype == np.float32
        np.testing.assert_allclose(b, a, atol=0.01 * np.abs(a).max())
    assert not np.array_equal(maps[0][0], maps[1][0])
    # Tables that decoders read stay as they were.
    np.testing.assert_array_equal(maps[0][1], maps[1][1])


def test_readers_see_the_graph_as_if_it_were_whole(raw: tuple[Path, Path]) -> None:
    whole, half = raw
    assert [node.op_type for node in read_onnx(half).graph.node] == [n.op_type for n in read_onnx(whole).graph.node]
    assert profile_onnx(half) == profile_onnx(whole)
    assert len(open_onnx(half).network.layers) == len(open_onnx(whole).network.layers)


def test_not_together_with_eight_bits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"not looked into")
    flags = ["--format", "onnx-int8", "--half-weights", "--calibration", str(tmp_path)]
    assert main(["export", str(model), *flags]) == 2
    assert "--half-weights" in capsys.readouterr().err
