from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from uhd.data.check import check_data
from uhd.data.config import DataConfig
from uhd.errors import UserError


def test_clean_set(tmp_path: Path, make_folder) -> None:
    make_folder(tmp_path / "train", 6)
    make_folder(tmp_path / "val", 3, seed=1)
    before = sorted(tmp_path.rglob("*"))
    found = check_data(DataConfig(image_dir=tmp_path), progress=False)
    assert found.clean
    assert (found.splits["train"].images, found.splits["val"].images) == (6, 3)
    assert found.to_text().endswith("nothing to mend")
    assert sorted(tmp_path.rglob("*")) == before


def test_duplicates_leaks_and_problems(tmp_path: Path, make_folder) -> None:
    train, val = make_folder(tmp_path / "train", 6), make_folder(tmp_path / "val", 3, seed=1)
    shutil.copy(train / "p001.png", train / "copy.png")
    shutil.copy(train / "p002.png", val / "leak.png")
    (train / "p004.txt").write_text("0 .5 .5\n")
    found = check_data(DataConfig(image_dir=tmp_path, drop_empty=True), progress=False)
    assert not found.clean
    assert found.duplicates == [[str(train / "copy.png"), str(train / "p001.png")]]
    assert found.leaks == [[str(train / "p002.png"), str(val / "leak.png")]]
    assert found.splits["train"].empty == 4  # p000, p003, the copy and the one whose only line is bad
    text = found.to_text()
    assert "p004.txt:1" in text
    assert "leak.png" in text
    content = json.loads(found.to_json())
    assert content["clean"] is False
    assert content["problems"]["counts"] == {"bad label line": 1}
    assert content["splits"]["val"]["images"] == 4
    with pytest.raises(UserError, match=r"p004\.txt:1"):
        check_data(DataConfig(image_dir=tmp_path, strict=True), progress=False)
