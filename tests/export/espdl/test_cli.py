"""What the command refuses before any work is done, and what it names its files."""

from __future__ import annotations

import importlib
import shlex
from pathlib import Path

import pytest

from uhd.cli import export_espdl, guarded
from uhd.cli import main as uhd
from uhd.export.espdl import toolchain


def run(*words: object) -> int:
    return uhd(["export", "--format", "espdl", *map(str, words)])


@pytest.fixture(autouse=True)
def _no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    # Modules that are imported for the first time under the patch would keep it.
    importlib.import_module("uhd.export.espdl.export")
    monkeypatch.setattr(toolchain, "require_esp_ppq", lambda: None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which model? give a checkpoint"),
        (["m.onnx"], "which images to calibrate on? give --calibration DIR"),
        (["m.onnx", "--image-dir", "d", "--output", "m.bin"], "must end in .espdl"),
        (["missing.onnx", "--image-dir", "d"], "missing.onnx: there is no such model"),
        (["m.onnx", "--target", "esp32"], "esp32s3"),
        (["m.onnx", "--num-of-bits", "4"], "8, 16"),
        (["m.onnx", "--calib-algorithm", "k"], "kl"),
        (["m.onnx", "--recipe", "fast"], "speed"),
        (["m.onnx", "--calib-steps", "1"], "calib-steps"),
        (["m.onnx", "--int16"], "unknown flag --int16"),
    ],
)
def test_one_line_says_what_to_mend(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_source_is_never_written_over(parts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = parts.read_bytes()
    assert run(parts, "--image-dir", parts.parent, "--output", parts) == 2
    assert "read" in capsys.readouterr().err
    assert parts.read_bytes() == before


def test_sixteen_bits_everywhere_needs_no_pattern(
    parts: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--image-dir", photographs, "--output", tmp_path / "m.espdl", "--num-of-bits", "16"]
    assert run(parts, *words, "--int16-op-pattern", "box_out") == 2
    assert "every layer is in 16 bits already" in capsys.readouterr().err
    assert run(parts, *words, "--auto-int16", "2") == 2


def test_a_pattern_without_a_match_ends_it_before_any_work(
    parts: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--image-dir", photographs, "--output", tmp_path / "m.espdl", "--int16-op-pattern"]
    assert run(parts, *words, "/box_ut/Conv") == 2
    assert "near it: /box_out/Conv" in capsys.readouterr().err
    assert run(parts, *words, "/box_ut/Conv", "--int16-op-pattern", "/box_out/Conv", "--strict") == 2
    assert list(tmp_path.iterdir()) == []


def test_help_explains_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    flags = (
        "--dataset-type --list-path --export-anchors-wh-scale-dir --expand-group-conv --img-size --resize-mode "
        "--class-ids --split --val-split --batch-size --calib-steps --calib-algorithm --int16-op-pattern "
        "--auto-int16-depthwiseconv --use-layerwise-equalization --onnx-model --espdl-model --target --num-of-bits "
        "--device --strict --auto-int16 --recipe --score --latency --split-wide-convs"
    )
    for flag in shlex.split(flags):
        assert f"{flag} " in text, flag


def test_the_originals_script_starts_from_its_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: export_espdl.original(["--print-config"])) == 0
    text = capsys.readouterr().out
    for line in ("preset: original", "calib_algorithm: kl", "calib_steps: 32", "split: all", "val_split: 0.0"):
        assert f"{line}\n" in text
    assert "use_layerwise_equalization: false" in text
