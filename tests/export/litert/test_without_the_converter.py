"""Without the converter, one line says how to get it, before any work is done."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from uhd.cli import main


def test_the_command_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if "litert" in name else found(name, *rest)
    )
    assert main(["export", "--format", "litert", "m.safetensors", "--output", str(tmp_path / "m.tflite")]) == 2
    assert "pip install '.[litert]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
