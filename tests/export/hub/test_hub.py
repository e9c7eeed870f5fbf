"""A folder to publish holds what a hub reads, and its files are the model."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

import uhd
from tests.export.conftest import make_model
from uhd.cli import main
from uhd.export.litert import toolchain
from uhd.models.weights import describe, save_weights


def test_the_folder_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    # Its converter takes long, and has tests of its own.
    monkeypatch.setattr(
        toolchain.importlib.util, "find_spec", lambda name: None if name in toolchain._MODULES else find(name)
    )
    model = make_model()
    meta = describe(model, img_size="32x32", resize_mode="opencv_inter_nearest", class_names=["person"])
    source, folder = tmp_path / "m.safetensors", tmp_path / "hub"
    save_weights(source, model.state_dict(), {**meta, "license": "MIT", "metrics": {"AP50": 0.5}})
    assert main(["export", str(source), "--format", "hub", str(folder), "--name", "tiny"]) == 0
    assert "no LiteRT file" in capsys.readouterr().out
    _, head, text = (folder / "README.md").read_text().split("---\n", 2)
    header = yaml.safe_load(head)
    assert header["license"] == "mit"
    assert header["pipeline_tag"] == "object-detection"
    assert header["model-index"][0]["results"][0]["metrics"] == [{"type": "AP50", "value": 0.5}]
    assert "# tiny" in text
    assert json.loads((folder / "config.json").read_text())["img_size"]
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    of_source, of_weights, of_onnx = (
        uhd.load(path)(image, 0.01) for path in (source, folder / "model.safetensors", folder / "model.onnx")
    )
    np.testing.assert_array_equal(of_weights.xyxy, of_source.xyxy)
    np.testing.assert_allclose(of_onnx.scores[:20], of_source.scores[:20], atol=1e-4)
    cv2.imwrite(str(tmp_path / "photo.png"), image)
    monkeypatch.setattr(sys, "argv", ["example.py", str(tmp_path / "photo.png")])
    runpy.run_path(str(folder / "example.py"))
    assert main(["export", str(source), "--format", "hub", str(folder)]) == 2
    assert "holds something already" in capsys.readouterr().err
