"""What the verbs of ``uhd data`` count, print and write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from uhd.cli import data as data_verbs
from uhd.cli import main
from uhd.model_file import model_file

from .conftest import contents


def test_stats_counts_without_judging(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(place)
    assert main(["data", "--json", "stats", "set"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["train"]["images"] + found["val"]["images"] == 6
    assert found["train"]["boxes"] + found["val"]["boxes"] == 6
    assert main(["data", "stats", "set"]) == 0
    assert "images (60x80 to 60x80)" in capsys.readouterr().out
    assert contents(place) == before


VERBS = {
    "stats": [], "check": [], "anchors": ["--plot", "plot.png"], "resize": ["--count", "2"],
    "label": ["--teacher", str(model_file("small")), "--output", "labelled"],
    "split": ["--output", "lists"], "clean": ["--output", "lists"], "mine": ["--output", "hard.txt"],
    "convert": ["converted", "--to", "coco"],
}  # fmt: skip


@pytest.mark.parametrize("json_flag", [["--json"], ["--json", "-"]], ids=" ".join)
@pytest.mark.parametrize("verb", VERBS)
def test_json_of_data_is_all_that_is_printed(
    place: Path, verb: str, json_flag: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    (place / "set" / "labels" / "1.txt").write_text("0 nan 0.5 0.3 0.6\n")  # something to be said
    assert main(["data", verb, "set", *json_flag, *VERBS[verb]]) == (verb == "check")
    assert isinstance(json.loads(capfd.readouterr().out), dict)


def test_every_data_verb_that_knows_json_is_tested() -> None:
    verbs = {path.stem for path in Path(data_verbs.__path__[0]).glob("*.py") if "JsonText" in path.read_text()}
    assert verbs == set(VERBS)


def test_the_split_of_data_is_the_split_of_training(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from uhd.data.config import DataConfig
    from uhd.data.open import open_data

    (place / "set" / "labels" / "0.txt").write_text("0 0.3 0.5 0.3 0.6\n0 0.7 0.5 0.3 0.6\n")

    def boxes(*flags: str) -> int:
        assert main(["data", "stats", "set", "--json", *flags]) == 0
        return int(json.loads(capsys.readouterr().out)["val"]["boxes"])

    def expected(seed: int) -> int:
        return sum(len(record.boxes) for record in open_data(DataConfig(image_dir=Path("set")), seed).val)

    assert len({expected(seed) for seed in range(8)}) > 1
    for seed in range(8):
        assert boxes("--split-seed", str(seed)) == expected(seed)
        assert boxes("--split-seed", "none", "--seed", str(seed)) == expected(seed)


@pytest.mark.parametrize("verb", [["label", "--teacher", "small"], ["mine"]], ids=["label", "mine"])
def test_photographs_none_of_which_can_be_read(
    place: Path, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        (place / "broken").mkdir(exist_ok=True)
        (place / "broken" / f"{name}.jpg").write_text("no picture")
    output = "new" if verb[0] == "label" else "new.txt"
    assert main(["data", *verb, "broken", "--output", output]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert "none of the 2" in told
    assert "broken/a.jpg: is not an image" in told
    assert not (place / "new.txt").exists()
    assert not (place / "new" / "labels.json").exists()


def test_an_empty_list_is_nothing_to_train_on(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (place / "set" / "labels").iterdir():
        path.unlink()
    assert main(["data", "mine", "set/images", "--output", "new.txt", "--conf-thresh", "1"]) == 0
    assert "add it" not in capsys.readouterr().out
