"""Sub-verbs of uhd data that write lists, pictures and configurations."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tests.data.conftest import Draw, Make, make_folder, picture  # noqa: F401  (fixtures)
from uhd.anchors import best_possible_recall
from uhd.augment.pipeline import Pipeline
from uhd.augment.presets import INTENSITIES, TASKS, augment_text
from uhd.cli import main
from uhd.data.config import DataConfig
from uhd.data.imbalance import remarks_on
from uhd.data.open import open_data
from uhd.data.statistics import Statistics


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 frames of 12 videos, every third one empty, others with one to three people of several sizes."""
    folder = tmp_path_factory.mktemp("frames")
    pixels = np.zeros((20, 20, 3), np.uint8)
    for i in range(120):
        assert cv2.imwrite(str(folder / f"v{i // 10:02d}_{i % 10}.png"), pixels)
        size = (0.05, 0.2, 0.6)[i // 3 % 3]
        lines = [f"0 0.{3 + k} 0.5 0.1 {size}" for k in range(i % 3)]
        (folder / f"v{i // 10:02d}_{i % 10}.txt").write_text("\n".join(lines))
    return folder


def test_split_is_stratified_seeded_and_writes_once(frames: Path, tmp_path: Path, capsys) -> None:
    before = sorted(frames.iterdir())
    command = ["data", "split", str(frames), "--val-split", "0.25", "--test-split", "0.1", "--output"]
    assert main([*command, str(tmp_path / "a"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {name: row["images"] for name, row in told.items()} == {"train": 78, "val": 30, "test": 12}
    assert abs(told["val"]["people"] - 30) <= 1
    lists = {path.name: path.read_text().split() for path in (tmp_path / "a").iterdir()}
    assert sorted(line for lines in lists.values() for line in lines) == [
        str(path) for path in before if path.suffix == ".png"
    ]
    opened = open_data(DataConfig(train_list=tmp_path / "a/train.txt", val_list=tmp_path / "a/val.txt"))
    empty = [sum(not len(record.boxes) for record in part) / len(part) for part in (opened.train, opened.val)]
    assert max(abs(share - 1 / 3) for share in empty) < 0.02  # images with empty label files are there
    heights = [np.mean([r.boxes[0, 3] - r.boxes[0, 1] for r in p if len(r.boxes)]) for p in (opened.train, opened.val)]
    assert abs(heights[0] - heights[1]) < 0.02
    state = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()}
    assert main([*command, str(tmp_path / "a")]) == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "a").iterdir()} == state
    assert main([*command, str(tmp_path / "a"), "--split-seed", "7"]) == 2
    assert "holds another list" in capsys.readouterr().err
    assert main([*command, str(frames / "lists")]) == 2
    assert sorted(frames.iterdir()) == before


def test_split_keeps_groups_together(frames: Path, tmp_path: Path, capsys) -> None:
    command = ["data", "split", str(frames), "--output", str(tmp_path / "g"), "--group"]
    assert main([*command, r"(v\d+)_"]) == 0
    parts = {path.stem: set(path.read_text().split()) for path in (tmp_path / "g").iterdir()}
    videos = {name: {Path(line).name[:3] for line in lines} for name, lines in parts.items()}
    assert not videos["train"] & videos["val"]
    assert len(videos["val"]) in (2, 3)
    for wrong, told in (("(", "no regular expression"), ("clip", "found in no path")):
        assert main([*command, wrong]) == 2
        assert told in capsys.readouterr().err
    assert main(["data", "split", str(frames), "--output", str(tmp_path / "x"), "--train-split", "0.9"]) == 2


def test_stats_and_anchors_tell_more(tmp_path: Path, make_folder: Make, capsys) -> None:  # noqa: F811
    make_folder(tmp_path / "in", 9)
    assert main(["data", "stats", str(tmp_path / "in"), "--plot", str(tmp_path / "s.png"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sum(told["train"]["crowds"].values()) == told["train"]["images"] - told["train"]["empty"]
    assert any("start from trained weights" in line for line in told["remarks"])
    assert cv2.imread(str(tmp_path / "s.png")).std() > 1
    assert main(["data", "anchors", str(tmp_path / "in"), "--num-anchors", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best_possible_recall"] == 1
    sizes = np.array([[0.1, 0.1], [0.1, 0.5]], np.float32)
    assert best_possible_recall(sizes, np.array([[0.1, 0.1]], np.float32)) == 0.5


def test_imbalance_in_words() -> None:
    heights = {"<8": 400, "8-16": 400, "16-32": 200, ">32": 0}
    found = Statistics(1000, 10, 1000, 0, {"a": 950, "b": 50, "c": 0}, heights, 9, (9, 9), (9, 9), {}, {}, 0.4)
    text = "\n".join(remarks_on(found))
    for word in ("no box of c", "severe imbalance: b has 50 boxes", "no image without people", "under 8 pixels", "40%"):
        assert word in text


def test_mine_lists_false_alarms(tmp_path: Path, capsys) -> None:
    examples = Path(__file__).parents[2] / "examples"
    people = cv2.imread(str(sorted(examples.glob("*.jpg"))[0]))
    folder = tmp_path / "nobody"
    folder.mkdir()
    for name in ("labelled", "statue"):
        assert cv2.imwrite(str(folder / f"{name}.jpg"), people)
    assert cv2.imwrite(str(folder / "wall.png"), np.full((64, 64, 3), 128, np.uint8))
    (folder / "labelled.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    output = tmp_path / "hard.txt"
    assert main(["data", "mine", str(folder), "--output", str(output), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["looked at"] == 3
    assert output.read_text() == f"{folder / 'statue.jpg'}\n"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("intensity", INTENSITIES)
def test_augmentation_for_us_and_others(task: str, intensity: str) -> None:
    unknown: list[str] = []
    ours = Pipeline.load(yaml.safe_load(augment_text(task, intensity, "uhd")), warn=unknown.append)
    assert len(ours.operations) >= 3
    assert task != "classify" or not any("Mosaic" in str(operation) for operation in ours.operations)
    assert unknown == []
    for target, call in (("albumentations", "A.Compose"), ("torchvision", "v2.Compose")):
        tree = ast.parse(augment_text(task, intensity, target, (48, 64)))
        assert ast.unparse(tree.body[-1].value.func) == call  # type: ignore[attr-defined]
        assert "(48, 64)" in ast.unparse(tree)
        whole = task == "classify"
        assert ("RandomResizedCrop" in ast.unparse(tree)) or not whole
        assert ("bbox_params" in ast.unparse(tree)) == (target == "albumentations" and not whole)
    theirs = yaml.safe_load(augment_text(task, intensity, "ultralytics"))
    assert ("mosaic" in theirs, "erasing" in theirs) == (not whole, whole)
    assert all(isinstance(value, float | int) for value in theirs.values())


def test_augmentation_is_printed_or_written_once(tmp_path: Path, capsys) -> None:
    assert main(["data", "augment-config", "--intensity", "light"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["data_augment"]["RandomWindow"]["scale"] == [0.8, 1.2]
    command = ["data", "augment-config", "--target", "torchvision", "--output", str(tmp_path / "t.py")]
    assert [main(command), main(command), main([*command, "--overwrite"])] == [0, 2, 0]


def test_parts_of_annotation_files_keep_their_labels(frames: Path, tmp_path: Path, capsys) -> None:
    """A list of images would leave behind what a COCO file says of them."""
    assert main(["data", "convert", str(frames), str(tmp_path / "coco"), "--to", "coco"]) == 0
    file = next((tmp_path / "coco").rglob("*.json"))
    content = json.loads(file.read_text())
    content["licenses"] = [{"id": 7}]
    content["annotations"][0] |= {"iscrowd": 1, "mine": "kept"}
    file.write_text(json.dumps(content))
    command = ["data", "split", str(file), "--val-split", "0.25", "--output", str(tmp_path / "p")]
    assert main(command) == 0
    assert "--train-list" in capsys.readouterr().out
    parts = [json.loads((tmp_path / "p" / f"{name}.json").read_text()) for name in ("train", "val")]
    assert [len(part["images"]) for part in parts] == [90, 30]
    for key in ("images", "annotations"):
        assert sum(len(part[key]) for part in parts) == len(content[key])
    assert all(part["licenses"] == [{"id": 7}] for part in parts)
    assert [each["mine"] for part in parts for each in part["annotations"] if "mine" in each] == ["kept"]
    lists = [tmp_path / "p/train.json", tmp_path / "p/val.json"]
    opened = open_data(DataConfig(train_list=lists[0], val_list=lists[1]))
    assert [len(opened.train), len(opened.val)] == [90, 30]
    assert sum(len(record.boxes) for record in [*opened.train, *opened.val]) == len(content["annotations"]) - 1
    state = {path: path.stat().st_mtime_ns for path in lists}
    assert main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in lists} == state
    both = ["--train-list", str(lists[0]), "--val-list", str(lists[1])]
    assert main(["data", "split", *both, "--output", str(tmp_path / "again")]) == 0  # ids of two files meet
    again = [json.loads((tmp_path / "again" / f"{name}.json").read_text()) for name in ("train", "val")]
    assert len({image["id"] for part in again for image in part["images"]}) == 120
    assert sum(len(part["annotations"]) for part in again) == len(content["annotations"])


def test_lists_keep_names_and_keypoints(tmp_path: Path, make_folder: Make, capsys) -> None:  # noqa: F811
    make_folder(tmp_path / "in", 9)
    for path in sorted((tmp_path / "in").glob("*.txt"))[1:]:
        path.write_text("1 .5 .5 .2 .4 .5 .4 2 .5 .6 1\n")
    about = "path: .\ntrain: .\nnames: [zebra, ant]\nkpt_shape: [2, 3]\n"
    (tmp_path / "in/data.yaml").write_text(about)
    source, output = tmp_path / "in/data.yaml", tmp_path / "lists"
    command = ["data", "split", str(source), "--classes", "ant", "--output", str(output)]
    assert [main(command), main(command)] == [0, 0]
    both = {"train_list": output / "train.txt", "val_list": output / "val.txt"}
    for config in (DataConfig(**both, classes=(1,)), DataConfig(image_dir=output / "data.yaml", classes=(1,))):
        opened = open_data(config)
        records = [*opened.train, *opened.val]
        assert (len(records), sum(len(record.boxes) for record in records)) == (9, 8)
        assert {record.objects.keypoints.shape[1] for record in records if record.objects.keypoints is not None} == {2}
    assert opened.names == ("ant",)
    lists = ["--train-list", str(both["train_list"]), "--val-list", str(both["val_list"])]
    assert main(["data", "stats", *lists, "--classes", "ant"]) == 0
    assert "ant 6" in capsys.readouterr().out
