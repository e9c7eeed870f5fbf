from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
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


@pytest.mark.parametrize("divided", [True, False])
def test_pictures_that_look_alike_leak_only_between_parts_of_the_data_set(tmp_path: Path, divided: bool) -> None:
    yy, xx = np.mgrid[:64, :64]
    for i in range(8):
        folder = tmp_path / (("val" if i > 5 else "train") if divided else "all")
        folder.mkdir(parents=True, exist_ok=True)
        image = np.stack([xx * 3, yy * 3, (xx + yy) * 2], 2).astype(np.uint8)
        image[i, 40] += 1  # alike, not equal
        cv2.imwrite(str(folder / f"{i}.png"), image)
        (folder / f"{i}.txt").write_text("0 .5 .5 .3 .6\n")
    place = tmp_path if divided else tmp_path / "all"
    found = check_data(DataConfig(image_dir=place), progress=False)
    assert found.clean == (not divided)
    (group,) = found.near_leaks if divided else found.near_duplicates
    assert len(group) == 8


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
