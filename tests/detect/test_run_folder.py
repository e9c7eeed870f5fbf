"""A run folder is claimed when everything else has been opened: nothing that lies in it is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.training.test_resume_exactly import arguments, photos
from uhd.cli import main, original
from uhd.models.weights import read_checkpoint, read_weights

__all__ = ["photos"]


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of one epoch, to be copied."""
    output = tmp_path_factory.mktemp("trained")
    assert main(arguments(photos, output, 1)) == 0
    return output / "a"


@pytest.fixture
def earlier(trained: Path, tmp_path: Path) -> Path:
    """The same, each test its own."""
    return shutil.copytree(trained, tmp_path / "a", symlinks=True)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


WRONG = [["--aug-config", "typo.yaml"], ["--ckpt", "typo.pt"], ["--teacher-ckpt", "typo.pt"], ["--img-size", "63x64"]]


@pytest.mark.parametrize("wrong", [["--image-dir", "typo"], *WRONG], ids=lambda words: words[0])
def test_a_typo_beside_a_run_of_the_same_name(photos: Path, earlier: Path, wrong: list[str]) -> None:
    before = content(earlier)
    command = [
        word for word in arguments(photos, earlier.parent, 1) if word != str(photos) or "--image-dir" not in wrong
    ]
    assert main([*command, *wrong, "--overwrite"]) == 2
    place = [] if "--image-dir" in wrong else ["--image-dir", str(photos)]
    # The original's script overwrites by default.
    assert (
        original.train([*place, *wrong, "--output", str(earlier.parent), "--exp-name", "a", "--batch-size", "8"]) == 2
    )
    assert content(earlier) == before


def test_overwriting_moves_the_earlier_run_aside(
    photos: Path, earlier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(earlier)
    assert main(arguments(photos, earlier.parent, 1)) == 2
    assert "holds a run already" in capsys.readouterr().err
    for number in (1, 2):
        assert main([*arguments(photos, earlier.parent, 1), "--overwrite"]) == 0
        assert f"a.old-{number}" in capsys.readouterr().out
    assert content(earlier.with_name("a.old-1")) == before
    assert read_checkpoint(earlier / "last.pt")["epoch"] == 1


def test_settings_repeat_the_run(photos: Path, trained: Path) -> None:
    again = ["train", "--config", str(trained / "settings.yaml"), "--exp-name", "again"]
    assert main(again) == 0
    first, second = (read_weights(trained.with_name(name) / "last.safetensors")[0] for name in ("a", "again"))
    assert all((first[name] == second[name]).all() for name in first)


def test_the_end_names_the_best_and_what_comes_next(
    photos: Path, earlier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--resume", str(earlier)]) == 0
    assert "the run is finished, all 1 epochs are done; --epochs 2 trains on" in capsys.readouterr().out
    assert main(["train", "--resume", str(earlier), "--epochs", "2"]) == 0
    said = capsys.readouterr().out
    assert f"best: {earlier / 'best.safetensors'} (AP50 " in said
    assert f"uhd export {earlier / 'best.safetensors'}" in said


def test_a_resumed_run_under_another_name(photos: Path, earlier: Path) -> None:
    before = content(earlier)
    command = ["train", "--resume", str(earlier / "last.pt"), "--epochs", "2", "--output", str(earlier.parent)]
    assert main([*command, "--exp-name", "b"]) == 0
    assert content(earlier) == before
    assert read_checkpoint(earlier.with_name("b") / "last.pt")["epoch"] == 2


def test_a_file_in_the_place_of_the_folder(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(arguments(photos, tmp_path / "file", 1)) == 2
    assert "is a file; name a folder" in capsys.readouterr().err


def test_starting_from_a_run_folder_and_from_the_package(
    photos: Path, earlier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--output", str(earlier.parent), "--epochs", "1", "--samples", "0"]
    assert main(["train", str(photos), "--ckpt", str(earlier), "--exp-name", "b", *there]) == 0
    assert "from best.safetensors: " in capsys.readouterr().out
    assert main(["train", str(photos), "--ckpt", "small", "--exp-name", "c", *there]) == 0
    assert "from ultratinyod_w32_64x64.safetensors: " in capsys.readouterr().out


@pytest.mark.slow
def test_what_was_typed_but_is_not_used_and_a_part_without_people_are_said(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = shutil.copytree(photos, tmp_path / "photos")
    for path in (place / "val").glob("*.txt"):
        path.write_text("")
    assert main([*arguments(place, tmp_path, 1), "--num-anchors", "3", "--anchors", ".1,.2 .3,.4"]) == 0
    said = capsys.readouterr()
    assert "no validation image shows a person: check" in said.err
    assert "--num-anchors 3: 2 anchors are given" in said.err
    assert "no validation image shows a person, so nothing was measured" in said.out


def test_pruning_does_not_continue_a_run_that_prunes_nothing(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prune", "--resume", str(trained)]) == 2
    assert "is no run of uhd prune; continue it with uhd train --resume" in capsys.readouterr().err
