"""Without the interpreter, one line says how to get it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from uhd.errors import UserError
from uhd.load import load


def test_a_tflite_file_names_the_package_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    (tmp_path / "m.tflite").write_bytes(b"not looked into")
    with pytest.raises(UserError, match="pip install 'ai-edge-litert'"):
        load(tmp_path / "m.tflite")
