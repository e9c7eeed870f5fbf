"""Nothing that a command reads, or that a user has, is replaced by what the command writes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.cli import data as data_verbs
from uhd.cli import main, original, predict_config
from uhd.cli.output import JSON, claim, write_image
from uhd.cli.results import Results
from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.model_file import model_file


def photo(path: Path, value: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((60, 80, 3), value, np.uint8))
    return path


def video(path: Path, frames: int = 12) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30, (80, 60))
    for i in range(frames):
        writer.write(np.full((60, 80, 3), 10 * i, np.uint8))
    writer.release()
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "a.jpg")
    for i in range(6):
        photo(tmp_path / "set" / "images" / f"{i}.jpg", 20 * i)
        (tmp_path / "set" / "labels").mkdir(exist_ok=True)
        (tmp_path / "set" / "labels" / f"{i}.txt").write_text("0 0.5 0.5 0.3 0.6\n")
    video(tmp_path / "v.mp4")
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "list.txt").write_text("a.jpg\n")
    (tmp_path / "set.txt").write_text("".join(f"set/images/{i}.jpg\n" for i in range(6)))
    photo(tmp_path / "other" / "curves.png")
    (tmp_path / "other" / "best.yaml").write_text("mine: 1\n")
    shutil.copy(model_file("small", (".safetensors",)), tmp_path / "ck.safetensors")
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


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
