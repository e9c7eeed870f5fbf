"""Which images a model is measured on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.card import ModelCard
from uhd.data.config import DataConfig
from uhd.data.open import open_data
from uhd.errors import UserError
from uhd.evaluation.part import Wanted, choose_part
from uhd.trained_on import TrainedOn, sketch_of


def drawn(folder: Path, count: int = 20) -> Path:
    folder.mkdir(parents=True)
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 255, (8, 8, 3), np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), pixels)
        (folder / f"{i}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    return folder


def trained(folder: Path, seed: int = 5, by: str = "shuffle") -> tuple[ModelCard, set[Path]]:
    opened = open_data(DataConfig(image_dir=folder, split_by=by), seed)
    images = [record.image for record in opened.train]
    known = TrainedOn(folder.name, seed, split_by=by, images=len(images), sketch=sketch_of(images))
    return ModelCard(trained_on=known), set(images)


@pytest.mark.parametrize("by", ["shuffle", "name"])
def test_the_split_of_the_training_decides(tmp_path: Path, by: str) -> None:
    folder = drawn(tmp_path / "flat")
    card, images = trained(folder, by=by)
    part = choose_part(DataConfig(image_dir=folder), [card], Wanted())
    assert (part.name, len(part.records), part.warnings) == ("val", 20 - len(images), ())
    assert not {record.image for record in part.records} & images
    assert part.split is not None
    assert part.split.seed == 5
    # The same after the folder was renamed, and from a card that went through a file.
    moved = folder.rename(tmp_path / "moved")
    card = ModelCard.from_metadata(card.to_metadata())
    again = choose_part(DataConfig(image_dir=moved), [card], Wanted())
    assert [each.image.name for each in again.records] == [each.image.name for each in part.records]


def test_what_was_trained_on_is_said(tmp_path: Path) -> None:
    folder = drawn(tmp_path / "flat")
    card, images = trained(folder)
    for wanted in (Wanted(seed=42), Wanted("all"), Wanted("train"), Wanted(train_split=0.5)):
        part = choose_part(DataConfig(image_dir=folder), [card], wanted)
        count = len({record.image for record in part.records} & images)
        assert count
        assert f"about {count} of the {len(part.records)} images were trained on" in part.warnings[0]


def test_data_that_no_model_has_seen_is_measured_whole(tmp_path: Path) -> None:
    card, _ = trained(drawn(tmp_path / "other", 9))
    folder = drawn(tmp_path / "flat")
    (folder / "0.png").write_bytes((folder / "0.png").read_bytes() + b"more")
    for path in folder.glob("*.png"):
        path.rename(path.with_name(f"new{path.name}"))
        path.with_suffix(".txt").rename(path.with_name(f"new{path.stem}.txt"))
    part = choose_part(DataConfig(image_dir=folder), [card], Wanted())
    assert (part.name, len(part.records), part.reason) == ("all", 20, "no model was trained on them")
    assert "does not say" in choose_part(DataConfig(image_dir=folder), [ModelCard()], Wanted()).reason
    assert len(choose_part(DataConfig(image_dir=folder), [card], Wanted("val")).records) == 4


def test_parts_of_the_data_win(tmp_path: Path) -> None:
    drawn(tmp_path / "data" / "train", 6)
    drawn(tmp_path / "data" / "val", 3)
    data = DataConfig(image_dir=tmp_path / "data")
    counts = {name: len(choose_part(data, [ModelCard()], Wanted(name)).records) for name in (None, "train", "all")}
    assert counts == {None: 3, "train": 6, "all": 9}
    with pytest.raises(UserError, match="no images for --split test"):
        choose_part(data, [ModelCard()], Wanted("test"))


def test_an_image_of_several_parts_is_measured_once(tmp_path: Path) -> None:
    folder = drawn(tmp_path / "same", 4)
    yaml = tmp_path / "data.yaml"
    yaml.write_text(f"train: {folder}\nval: {folder}\ntest: {folder}\nnames: [person]\n")
    counts = [len(choose_part(DataConfig(image_dir=yaml), [], Wanted(name)).records) for name in ("val", "all")]
    assert counts == [4, 4]


def test_names_of_model_and_labels_are_compared(tmp_path: Path) -> None:
    folder = drawn(tmp_path / "flat", 4)
    data = DataConfig(image_dir=folder, class_names=("car",))
    (line,) = choose_part(data, [ModelCard()], Wanted()).warnings
    assert "the model detects person, the labels are of car" in line
    assert not choose_part(data, [ModelCard(class_names=("Car",))], Wanted()).warnings


def test_a_large_training_is_estimated_from_its_sketch(tmp_path: Path) -> None:
    images = [tmp_path / f"{i}.jpg" for i in range(2000)]
    known = TrainedOn(images=1500, sketch=sketch_of(images[:1500]))
    assert known.among(images[1500:]) == 0
    assert abs(known.among(images) - 0.75) < 0.1
    assert len(ModelCard(trained_on=known).to_metadata()["trained_on"]) < 1400
