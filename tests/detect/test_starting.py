"""Relative paths in a checkpoint lead somewhere: from here, or from where its run was started."""

from __future__ import annotations

from pathlib import Path

import pytest

from uhd.data.config import DataConfig
from uhd.detect.starting import _paths_found


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("then/photos", "now", "then/only"):
        (tmp_path / place).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "now")
    values = {"image_dir": "photos", "cache": "ram", "val_list": "gone.txt", "train_list": None}
    then = str(tmp_path / "then")
    assert _paths_found(DataConfig, values, then) == {**values, "image_dir": str(tmp_path / "then" / "photos")}
    assert _paths_found(DataConfig, values, "") == values
    (tmp_path / "now" / "photos").mkdir()  # the whole project was copied: what is here is meant
    assert _paths_found(DataConfig, values, then) == values
