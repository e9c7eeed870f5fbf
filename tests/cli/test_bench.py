"""Timing works for every form of a model file, and its figures are read by programs too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from uhd.cli import main
from uhd.models import create_model
from uhd.models.weights import describe, save_weights


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    model = create_model(cnn_width=4, num_anchors=1)
    path = tmp_path / "m.safetensors"
    save_weights(path, model.state_dict(), describe(model, img_size="32x32", resize_mode="opencv_inter_nearest"))
    return path


@pytest.mark.parametrize("form", [["--uint8-input"], ["--batch", "4"], ["--batch", "dynamic"], ["--dynamic-resize"]])
def test_every_form_is_timed(form: list[str], weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(weights), *form]) == 0
    capsys.readouterr()
    assert main(["bench", str(weights.with_suffix(".onnx")), "--runs", "10", "--warmup", "0", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == "m.onnx"
    assert {"prepare", "network", "select", "whole", "bare session"} == set(found["milliseconds"])
    assert found["to_bare_session"] > 0


def test_ratio_comes_first(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(weights)]) == 0
    capsys.readouterr()
    model, file = weights.with_suffix(".onnx"), tmp_path / "b.json"
    assert main(["bench", "--model", str(model), "--runs", "10", "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "times the bare session" in lines[1]
    assert json.loads(file.read_text())["threads"] == 1


def test_several_files_and_numbers_of_images(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(weights)]) == 0
    capsys.readouterr()
    files = [str(weights), str(weights.with_suffix(".onnx"))]
    assert main(["bench", *files, "--batch-size", "1,3", "--runs", "10", "--warmup", "1", "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["model"], row["batch_size"]) for row in rows] == [
        ("m.safetensors", 1), ("m.safetensors", 3), ("m.onnx", 1), ("m.onnx", 3),
    ]  # fmt: skip
    for row in rows:
        whole = row["milliseconds"]["whole"]
        assert whole["min"] <= whole["p50"] <= whole["p95"] <= whole["p99"] <= whole["max"]
        assert row["frames_per_second"] == pytest.approx(1000 * row["batch_size"] / whole["mean"])
    assert main(["bench", files[0], "--model", files[0]]) == 2
    assert main(["bench", files[0], "--batch-size", "0"]) == 2


def test_a_missing_file_is_named_before_anything_is_timed(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(weights), str(weights.with_name("none.onnx")), "--json", "-"]) == 2
    told = capsys.readouterr()
    assert "nothing was timed" in told.err
    assert not told.out
