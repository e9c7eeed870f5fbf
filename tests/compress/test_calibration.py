"""Which images calibrate, and that they are resized as deployment resizes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uhd.compress import calibration
from uhd.compress.calibration import calibration_images, calibration_paths
from uhd.data.config import DataConfig
from uhd.data.open import open_data
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.read import read_image
from uhd.resize import resize_image, to_network


def names(folder: Path, part: str, **options: object) -> list[str]:
    settings = {"list_path": None, "val_split": 0.2, "class_ids": None, **options}
    return [path.name for path in calibration_paths(folder, part=part, report=Report(), **settings)]  # type: ignore[arg-type]


def test_parts(photographs: Path) -> None:
    assert names(photographs, "train") == [f"p{i}.png" for i in range(6)]
    assert names(photographs, "val") == [f"p{i}.png" for i in range(6, 10)]
    assert names(photographs, "all") == [f"p{i}.png" for i in range(10)]


def test_an_image_of_both_parts_calibrates_once(photographs: Path, tmp_path: Path) -> None:
    folder, yaml = photographs / "train", tmp_path / "data.yaml"
    yaml.write_text(f"train: {folder}\nval: {folder}\nnames: [person]\n")
    assert names(yaml, "all") == names(yaml, "val") == [f"p{i}.png" for i in range(6)]


def test_where_the_data_leaves_the_split_open_it_is_that_of_training(photographs: Path) -> None:
    folder = photographs / "train"
    opened = open_data(DataConfig(image_dir=folder, classes=(0, 1)))
    assert names(folder, "train") == [record.image.name for record in opened.train]
    assert names(folder, "val") == [record.image.name for record in opened.val]
    assert sorted(names(folder, "train", val_split=0.0)) == names(folder, "all")
    with pytest.raises(UserError, match="no calibration image left for --split val"):
        names(folder, "val", val_split=0.0)


def test_only_images_with_a_wanted_box(photographs: Path) -> None:
    assert names(photographs, "train", class_ids=(1,)) == ["p5.png"]
    assert names(photographs, "all", class_ids=(0,)) == [f"p{i}.png" for i in range(10) if i != 5]
    assert len(names(photographs, "all", class_ids=(0, 1))) == 10
    with pytest.raises(UserError, match="with a box of --class-ids 7"):
        names(photographs, "all", class_ids=(7,))


def test_a_list_names_them_in_its_order(photographs: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"{photographs / 'val' / 'p9.png'}\n{photographs / 'train' / 'p0.png'}\n")
    assert names(photographs, "all", list_path=listed) == ["p9.png", "p0.png"]


@pytest.mark.parametrize("mode", ["opencv_inter_nearest", "torch_bilinear", "opencv_inter_nearest_yuv422"])
def test_images_are_resized_as_deployment_does(photographs: Path, mode: str) -> None:
    paths = sorted((photographs / "train").glob("*.png"))
    found = calibration_images(paths, 3, (16, 24), mode, Report())
    expected = [resize_image(read_image(paths[i]), (16, 24), mode) for i in (0, 2, 4)]  # spread evenly
    assert np.array_equal(found, to_network(np.stack(expected), mode))


def test_an_unreadable_one_is_reported_and_replaced(photographs: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    good = sorted((photographs / "train").glob("*.png"))[:2]
    report = Report()
    found = calibration_images([broken, *good], 2, (8, 8), "opencv_inter_nearest", report)
    assert len(found) == 2
    assert any("broken.png" in line for line in report.lines())
    with pytest.raises(UserError, match="1 of 2 images can be read; calibration needs 2"):
        calibration_images([broken, good[0]], 2, (8, 8), "opencv_inter_nearest", Report())


def test_photographs_are_prepared_one_by_one(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def read(path: Path) -> np.ndarray:
        order.append("read")
        return read_image(path)

    monkeypatch.setattr(calibration, "read_image", read)
    paths = sorted((photographs / "train").glob("*.png"))
    found = calibration.read_spread(paths, 3, lambda image: order.append("prepared") or image.shape, Report())
    assert order == ["read", "prepared"] * 3
    assert len(found) == 3
