"""Paths, names and label files of data sets that another machine or program wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from uhd.data.config import DataConfig
from uhd.data.data_yaml import yaml_names
from uhd.data.discover import discover, read_list
from uhd.data.open import open_data
from uhd.data.problems import Report
from uhd.errors import UserError


def layout(root: Path) -> Path:
    for part, names in (("train", "ab"), ("val", "c")):
        for name in names:
            for folder, suffix, text in (("images", ".png", ""), ("labels", ".txt", "0 .5 .5 .2 .4\n")):
                path = root / folder / part / f"{name}{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("images\\train", 0),
        ("'~/images/train'", 0),
        ("images/train/*.png", 0),
        ("/content/set/images/train", 1),
        ("C:\\Users\\me\\set\\images\\train", 1),
    ],
)
def test_an_entry_of_a_data_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, told: int) -> None:
    layout(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data.yaml").write_text(f"path: D:\\set\ntrain: {entry}\nval: images/val\nnames: person\n")
    report = Report()
    found = discover(tmp_path / "data.yaml", None, None, report)
    assert [path.name for path in found.train] == ["a.png", "b.png"]
    assert found.names == ("person",)
    assert len(report.remarks) == told


@pytest.mark.parametrize(
    "line",
    ["images\\train\\a.png", '"images/train/a.png"', "data/obj/images/train/a.png", "D:\\x\\images\\train\\a.png"],
)
def test_a_line_of_a_list(tmp_path: Path, line: str) -> None:
    layout(tmp_path)
    (tmp_path / "list.txt").write_text(f"# photographs\n{line}\n{'x' * 300}.png\n")
    report = Report()
    assert read_list(tmp_path / "list.txt", None, report) == [tmp_path / "images/train/a.png"]
    assert report.total == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("names", ["[Fußgänger, car]", "{'0': Fußgänger, '1': car}"])
def test_names_in_any_encoding(tmp_path: Path, encoding: str, names: str) -> None:
    (tmp_path / "data.yaml").write_text(f"train: .\r\nnames: {names}\r\n", encoding=encoding)
    assert yaml_names(tmp_path / "data.yaml") == ("Fußgänger", "car")


def test_what_a_data_yaml_contradicts_is_said(tmp_path: Path) -> None:
    layout(tmp_path)
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/train\nnc: 3\nnames: [person]\n")
    remarks = open_data(DataConfig(image_dir=tmp_path / "data.yaml")).report.remarks
    assert any("nc is 3" in line for line in remarks)
    assert any("2 of the 2 validation images" in line for line in remarks)


def test_labels_are_found_from_within_the_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(layout(tmp_path) / "images/train")
    assert len(open_data(DataConfig(image_dir=Path()), divide=False).train[0].boxes) == 1


def test_an_empty_part_and_a_label_file_that_is_a_link_to_itself(tmp_path: Path) -> None:
    layout(tmp_path)
    (tmp_path / "images/test").mkdir()
    loop = tmp_path / "labels/train/a.txt"
    loop.unlink()
    loop.symlink_to(loop)
    opened = open_data(DataConfig(image_dir=tmp_path))
    assert opened.test is None
    assert [len(record.boxes) for record in opened.train] == [0, 1]
    assert opened.report.total == 1


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("[{0: person}]", r"write names: \[person, car\]"),
        ("[yes, no]", "in quotes"),
        ("{0: person, 1: on}", "in quotes"),
        ("[person, person]", "'person' twice"),
        ("{0: person, 1: person}", "'person' twice"),
        ("[person, null]", "not a name"),
    ],
)
def test_names_that_are_none(tmp_path: Path, names: str, told: str) -> None:
    (tmp_path / "data.yaml").write_text(f"train: .\nnames: {names}\n")
    with pytest.raises(UserError, match=told):
        yaml_names(tmp_path / "data.yaml")
