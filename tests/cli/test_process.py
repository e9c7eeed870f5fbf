"""The command as a process: light to start, quiet when its reader leaves, whole with any file name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "uhd"]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["frobnicate"]])
def test_starting_brings_no_framework(arguments: list[str]) -> None:
    code = f"import sys; from uhd.cli import main; main({arguments}); print(sorted(sys.modules), file=sys.stderr)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'uhd.cli'" in found.stderr
    for heavy in ("torch", "onnxruntime", "cv2", "numpy", "keras", "matplotlib"):
        assert f"'{heavy}'" not in found.stderr, heavy


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["predict", "--print-config"], ["--version"]])
def test_a_reader_that_leaves_is_no_error(arguments: list[str]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    found = subprocess.run([*COMMAND, *arguments], stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert (found.returncode, found.stderr) == (0, "")


def test_file_names_need_not_be_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    data = cv2.imencode(".jpg", np.full((60, 80, 3), 90, np.uint8))[1].tobytes()
    try:
        (tmp_path / name).write_bytes(data)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    command = [*COMMAND, "predict", name, "--output", "out"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert "caf\\udce9.jpg" in found.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name]


@pytest.mark.parametrize("script", ["train.py", "export_onnx.py", "demo_uhd.py"])
def test_root_scripts_run_from_any_folder_and_do_nothing_when_imported(script: str, tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, str(ROOT / script), "--print-config"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("preset: original\n")
    # Worker processes that are spawned import the script they belong to.
    code = f"import runpy; runpy.run_path({str(ROOT / script)!r}, run_name='__mp_main__')"
    again = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_an_error_inside_the_package_is_not_blamed_on_the_installation() -> None:
    from uhd.cli import guarded

    def broken() -> int:
        from uhd.errors import missing_name  # type: ignore[attr-defined]

        return int(missing_name)

    with pytest.raises(ImportError, match="missing_name"):
        guarded(broken)


def test_a_service_without_any_output(monkeypatch: pytest.MonkeyPatch) -> None:
    from uhd.cli import main

    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    assert main(["--help"]) == 0
    assert main(["frobnicate"]) == 2


def test_a_missing_package_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    from uhd.cli import guarded

    def broken() -> int:
        import onnxslim_is_not_here  # type: ignore[import-not-found]

        return int(onnxslim_is_not_here)

    assert guarded(broken) == 2
    assert capsys.readouterr().err.startswith("error: this needs onnxslim_is_not_here: pip install")
