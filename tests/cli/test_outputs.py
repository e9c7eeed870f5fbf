"""Nothing that a command reads, or that a user has, is replaced by what the command writes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.cli import main, original, predict_config
from uhd.cli.output import JSON, claim, write_image
from uhd.cli.results import Results
from uhd.errors import UserError
from uhd.files import save_atomic

from .conftest import contents, photo, video


@pytest.mark.parametrize(
    "command",
    [
        "predict a.jpg --output .",
        "predict a.jpg --output notes.md",
        "predict a.jpg --json a.jpg",
        "predict a.jpg --json notes.md",
        "predict a.jpg --json set",
        "predict set/images --no-draw --save-txt --output set/labels",
        "predict v.mp4 --output . --overwrite",
        "predict v.mp4 --record v.mp4 --overwrite",
        "val set --json set/images/0.jpg",
        "val set --json set",
        "bench --runs 10 --json notes.md",
        "export ck.safetensors --output ck.safetensors",
        "export ck.safetensors --output notes.md",
        "data preview set --output set/images/0.jpg",
        "data preview set --output set/preview.png",
        "data preview set --output a.xyz",
        "data preview set --output notes.md",
        "data stats set --plot set/images/0.jpg",
        "data stats set.txt --plot set/images/new.png",
        "data stats set.txt --plot a.jpg",
        "data anchors set --plot set/x.jpg",
        "data anchors set --plot a.jpg",
        "data mine set/images --output set/images/0.txt",
        "data mine set/images --output list.txt",
        "data label set/images --teacher small --output other",
        "recipe set.txt --output set/images/recipe",
        "val set --plots set/images",
        "val set --plots other",
        "val set --plots notes.md",
        "train set --epochs 1 --output . --exp-name set",
        "train set --epochs 1 --output set --exp-name images",
        "train set --epochs 1 --auto-anchors-plot-path set/x.jpg",
        "train set --epochs 1 --auto-anchors-plot-path a.jpg",
        "tune set --epochs 1 --output . --exp-name other",
        "tune set --epochs 1 --output . --exp-name set",
    ],
)
def test_refused_with_one_line_before_anything_is_written(
    command: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(place)
    assert main(command.split()) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1
    assert contents(place) == before


def test_what_is_no_part_of_a_data_set_may_stand_beside_it(place: Path) -> None:
    """Whoever works in the folder of the photographs asks for it there."""
    before = contents(place)
    assert main(["val", "set", "--json", "set/new.json"]) == 0
    after = contents(place)
    assert set(after) - set(before) == {str(place / "set" / "new.json")}
    assert all(after[name] == before[name] for name in before)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "svg", "pdf"])
def test_a_figure_and_a_list_of_ours_can_be_made_again(place: Path, suffix: str) -> None:
    for _ in range(2):
        assert main(["data", "stats", "set", "--plot", f"new/plot.{suffix}"]) == 0
        assert main(["val", "set", "--plots", "new"]) == 0
        assert main(["data", "mine", "set/images", "--output", "list.txt", "--overwrite"]) == 0


def test_the_demo_does_not_replace_the_video_it_reads(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(place)
    assert original.demo(["--images", "v.mp4", "--output", "."]) == 2
    assert "v.mp4" in capsys.readouterr().err
    assert contents(place) == before


def test_results_go_into_new_folders_and_replace_earlier_results(place: Path) -> None:
    for _ in range(2):
        assert main(["predict", "a.jpg", "--json", "new/r.jsonl", "--output", "drawn", "--save-txt"]) == 0
    line = json.loads((place / "new" / "r.jsonl").read_text())
    assert line["image"] == "a.jpg"
    assert (place / "drawn" / "a.txt").is_file()
    assert main(["val", "set", "--json", "new/val.json"]) == 0
    assert json.loads((place / "new" / "val.json").read_text())


def test_ctrl_c_ends_a_video_and_the_command(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    detect, seen = predict_config.detect, []

    def interrupted(*arguments: object) -> object:
        seen.append(1)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return detect(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(predict_config, "detect", interrupted)
    video(place / "w.mp4")
    assert main(["predict", "v.mp4", "w.mp4", "--output", "drawn"]) == 130
    assert len(seen) == 4
    assert [path.name for path in (place / "drawn").iterdir()] == ["v.mp4"]
    assert "stopped after 3 frames" in capsys.readouterr().out


def test_claim_leaves_other_kinds_alone(tmp_path: Path) -> None:
    other = tmp_path / "a.txt"
    assert claim(other, JSON) == other
    other.write_text("x")
    with pytest.raises(UserError, match="does not end in"):
        claim(other, JSON)
    with pytest.raises(UserError, match="is read"):
        claim(other, (".txt",), [tmp_path / "sub" / ".." / "a.txt"])
    with pytest.raises(UserError, match="folder"):
        claim(tmp_path, JSON)


def test_write_image_keeps_the_colours(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    write_image(tmp_path / "a.png", image)
    read = cv2.imread(str(tmp_path / "a.png"))
    assert read is not None
    np.testing.assert_array_equal(read[..., ::-1], image)
    for name in ("a.xyz", "a"):
        with pytest.raises(UserError, match=r"\.png"):
            write_image(tmp_path / name, image)


@pytest.mark.parametrize(
    ("name", "content", "replaced"),
    [
        ("r.json", '{"info": {}, "images": []}', False),
        ("r.json", '\n{ "version": "5.0.1", "shapes": []}', False),
        ("r.json", "notes", False),
        ("r.json", '{"image": "a.jpg", "detections": []}\n', True),
        ("r.json", "[]", True),
        ("r.json", "", True),
        ("r.csv", "name,age\n", False),
        ("r.csv", "image,frame,time\n", True),
        ("r.onnx", "my notes about ONNX\n", False),
        ("r.png", "not a picture", False),
        ("r.onnx", "\x08\x08\x12\x03uhd", True),
        ("r.onnx", "", True),
    ],
)
def test_labels_and_tables_of_a_user_are_no_earlier_results(
    tmp_path: Path, name: str, content: str, replaced: bool
) -> None:
    (tmp_path / name).write_text(content)
    if replaced:
        claim(tmp_path / name, (*JSON, ".csv", ".onnx", ".png"))
        return
    with pytest.raises(UserError, match="something else than results"):
        claim(tmp_path / name, (*JSON, ".csv", ".onnx", ".png"))


def test_links_that_lead_nowhere_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo(tmp_path / "a.jpg")
    for name, target in (("gone.json", "no/such.json"), ("loop.json", "loop.json"), ("folder", "nowhere")):
        (tmp_path / name).symlink_to(target)
    for flag, name in (
        ("--json", "gone.json"),
        ("--coco", "loop.json"),
        ("--output", "folder"),
        ("--output", "folder/x"),
    ):
        assert main(["predict", str(tmp_path / "a.jpg"), flag, str(tmp_path / name)]) == 2, name
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "leads nowhere" in said, name
    (tmp_path / "set").symlink_to("nowhere")
    with pytest.raises(UserError, match="leads nowhere"):
        save_atomic(tmp_path / "set" / "x" / "a.txt", lambda path: path.write_text("x"))
    (tmp_path / "late.json").symlink_to("late_target.json")
    assert claim(tmp_path / "late.json", JSON)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--json o.json --coco o.json", "different names"),
        ("--json - --csv -", "different names"),
        ("--output=", "no path"),
        ("--json=", "no path"),
    ],
)
def test_results_that_would_meet_and_names_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "a.jpg")
    assert main(["predict", "a.jpg", *flags.split()]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_coco_results_on_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "a.jpg")
    assert main(["predict", "a.jpg", "--no-draw", "--coco", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert not (tmp_path / "-").exists()


def test_flags_of_videos_and_closed_outputs_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "a.jpg")
    assert main(["predict", "a.jpg", "--no-draw", "--record", "x.mp4", "--max-frames", "3", "--serve", "0"]) == 0
    told = capsys.readouterr().err
    assert [f"--{flag} is without effect" in told for flag in ("record", "max-frames", "serve")] == [True] * 3
    with monkeypatch.context() as closed:
        closed.setattr("sys.stdout", None)
        with pytest.raises(UserError, match="output is closed"):
            Results(Path("-"), None)


def test_a_picture_that_finds_no_room_is_named_and_not_left_half_written(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        whole(path, data[:10])
        raise OSError(27, "File too large")

    before = contents(place)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert main(["predict", "a.jpg", "--output", "drawn"]) == 2
    assert "drawn/a.jpg: could not be saved: File too large" in capsys.readouterr().err
    assert contents(place) == before


def test_commands_to_go_on_with_can_be_pasted(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "split", "set", "--output", "my lists"]) == 0
    assert main(["data", "label", "set/images", "--teacher", "small", "--output", "my labels"]) == 0
    assert main(["export", "ck.safetensors", "--output", "my model.onnx"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
    assert ["'my lists/train.txt'" in lines[0], "'my labels'" in lines[1], "'my model.onnx'" in lines[2]] == [True] * 3
