"""uhd recipe: a reason for each choice, files that train here and that other frameworks' parsers take."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.data.conftest import Make, make_folder, picture  # noqa: F401  (fixtures)
from uhd.cli import main
from uhd.detect.recipe.choices import choose
from uhd.detect.recipe.detectron2 import ARCHITECTURES as DETECTRON2
from uhd.detect.recipe.facts import Facts
from uhd.detect.recipe.mmdet import ARCHITECTURES as MMDET
from uhd.detect.recipe.mmdet import mmdet
from uhd.detect.recipe.ultralytics import ARCHITECTURES as ULTRALYTICS
from uhd.models.weights import read_weights


@pytest.fixture
def data(tmp_path: Path, make_folder: Make) -> Path:  # noqa: F811
    make_folder(tmp_path / "in/train", 9)
    make_folder(tmp_path / "in/val", 3, seed=1)
    return tmp_path / "in"


def test_ours_is_complete_and_says_why(data: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "r"
    command = ["recipe", str(data), "--output", str(output)]
    before = sorted(tmp_path.rglob("*"))
    assert main([*command, "--analyze-only", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(tmp_path.rglob("*")) == before
    assert all(choice["reason"] for choice in told["choices"])
    values = {choice["name"]: choice["value"] for choice in told["choices"]}
    assert values["preset"] == "small"
    assert len(values["anchors"].split()) == values["num_anchors"]
    assert main([*command, "--epochs", "3"]) == 0
    assert "uhd train --config" in capsys.readouterr().out
    text = (output / "recipe.yaml").read_text()
    assert "# epochs: as you said" in text
    assert main(["train", "--config", str(output / "recipe.yaml"), "--print-config"]) == 0
    table = yaml.safe_load(capsys.readouterr().out)
    assert (table["epochs"], table["preset"], table["auto_anchors"]) == (3, "small", False)
    assert table["image_dir"] == str(data)
    assert main(command) == 2
    assert "give --overwrite" in capsys.readouterr().err
    assert main(["recipe", str(data), "--output", str(data / "r")]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--classes", "0,2"], ["--arch", "transformer"], ["--img-size", "96x96"]])
def test_a_recipe_of_few_images_trains(data: Path, tmp_path: Path, more: list[str], capsys) -> None:
    for path in (data / "train").glob("*.txt"):
        path.write_text("0 .5 .5 .2 .4\n2 .2 .2 .1 .1\n")
    assert main(["recipe", str(data), "--output", str(tmp_path / "r"), "--epochs", "1", *more]) == 0
    command = ["train", "--config", str(tmp_path / "r/recipe.yaml"), "--output", str(tmp_path / "runs")]
    assert main([*command, "--samples", "0", "--threads", "1"]) == 0


def test_few_images_take_the_anchors_of_the_packaged_weights() -> None:
    known = read_weights(Path("small"))[1]["anchors"]
    for names, others in ((("a",), []), (("a", "b"), ["ckpt_non_strict"])):
        facts = Facts(90, 9, 3, 9, names, (9,) * len(names), (0.1,) * 5, 4, (480, 640), 0, False)
        found = {choice.name: choice.value for choice in choose(facts, np.full((9, 2), 0.3, np.float32))}
        pairs = [list(map(float, pair.split(","))) for pair in found["anchors"].split()]
        assert (pairs, found["num_anchors"], found["preset"]) == (known, len(known), "small")
        assert [name for name in found if name.startswith("ckpt")] == others
        assert "preset" not in {c.name for c in choose(facts, np.full((9, 2), 0.3, np.float32), arch="transformer")}


@pytest.mark.parametrize("arch", ["yolo11n", "yolov8m"])
@pytest.mark.parametrize("task", ["detect", "segment", "pose"])
def test_ultralytics(data: Path, tmp_path: Path, arch: str, task: str, capsys) -> None:
    output = tmp_path / "u"
    command = ["recipe", str(data), "--framework", "ultralytics", "--output", str(output), "--task", task]
    assert main([*command, "--arch", arch, "--batch-size", "4"]) == 0
    table = yaml.safe_load((output / "ultralytics.yaml").read_text())
    assert (table["task"], table["batch"]) == (task, 4)
    assert table["model"] == arch + {"detect": "", "segment": "-seg", "pose": "-pose"}[task] + ".pt"
    assert table["imgsz"] % 32 == 0
    assert not any(key.startswith("_") for key in table)
    assert "yolo cfg=" in capsys.readouterr().out
    assert arch in ULTRALYTICS


@pytest.mark.parametrize(("arch", "task"), [(name, each.task) for name, each in DETECTRON2.items()])
def test_detectron2(data: Path, tmp_path: Path, arch: str, task: str) -> None:
    output = tmp_path / "d"
    command = ["recipe", str(data), "--framework", "detectron2", "--output", str(output), "--task", task]
    assert main([*command, "--arch", arch, "--epochs", "10", "--batch-size", "8"]) == 0
    table = yaml.safe_load((output / "detectron2.yaml").read_text())
    assert table["SOLVER"]["MAX_ITER"] == 20
    assert table["SOLVER"]["BASE_LR"] == (0.005 if "retinanet" in arch else 0.01)
    assert table["MODEL"]["RETINANET" if "retinanet" in arch else "ROI_HEADS"] == {"NUM_CLASSES": 1}
    script = (output / "train_detectron2.py").read_text()
    compile(script, "train_detectron2.py", "exec")
    assert f'/{arch}.yaml"' in script


@pytest.mark.parametrize(("arch", "task"), [(name, each.task) for name, each in MMDET.items()])
def test_mmdet(arch: str, task: str, tmp_path: Path) -> None:
    facts = Facts(90, 9, 3, 200, ("person", "it's"), (150, 50), (0.1,) * 5, 4, (480, 640), 0, False)
    text = mmdet(facts, Path("in"), task, arch, 12, 4, tmp_path).files["mmdet_config.py"]
    values: dict[str, object] = {}
    for node in ast.parse(text).body:  # literals alone: what exec would run is data
        assert isinstance(node, ast.Assign)
        values[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    assert text.count("'num_classes': 2") == len(MMDET[arch].heads)
    assert values["train_cfg"] == {"max_epochs": 12, "val_interval": 1}
    loader = values["train_dataloader"]
    inner = loader["dataset"]["dataset"] if MMDET[arch].nested else loader["dataset"]  # type: ignore[index]
    assert inner["metainfo"] == {"classes": ("person", "it's")}


def test_wrong_architectures_are_named(data: Path, tmp_path: Path, capsys) -> None:
    for framework, words, told in (
        ("ultralytics", ["--arch", "yolo11z"], "did you mean"),
        ("detectron2", ["--task", "segment", "--arch", "retinanet_R_50_FPN_3x"], "mask_rcnn_R_50_FPN_3x"),
        ("mmdet", ["--task", "pose"], "--framework detectron2"),
        ("uhd", ["--task", "pose"], "choose another --framework"),
    ):
        assert main(["recipe", str(data), "--framework", framework, "--output", str(tmp_path / "x"), *words]) == 2
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("framework", ["ultralytics", "detectron2", "mmdet"])
def test_the_commands_of_others_make_the_data_that_their_files_name(
    framework: str,
    tmp_path: Path,
    make_folder: Make,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of undivided data with more classes than are wanted."""
    make_folder(tmp_path / "my photos", 9)
    (tmp_path / "my photos/p001.txt").write_text("0 .5 .5 .2 .2\n2 .2 .2 .1 .1\n")
    output = tmp_path / "my recipe"
    command = ["recipe", str(tmp_path / "my photos"), "--framework", framework, "--output", str(output), "--json"]
    assert main([*command, "--task", "segment"]) == 0
    told = capsys.readouterr()
    assert "no outlines" in told.err
    words, train = map(shlex.split, json.loads(told.out)["commands"])
    assert any(str(output) in word for word in train)
    assert words[0] == "uhd"
    assert main(words[1:]) == 0
    if framework == "ultralytics":
        place = Path(yaml.safe_load((output / "ultralytics.yaml").read_text())["data"])
        assert place.is_absolute()
        table = yaml.safe_load(place.read_text())
        assert "path" not in table
        assert (len(table["names"]), table["train"], table["val"]) == (1, "images/train", "images/val")
        return
    for part in ("train", "val"):
        content = json.loads((output / f"coco/annotations/instances_{part}.json").read_text())
        assert len(content["categories"]) == 1
        assert all((output / "coco/images" / part / image["file_name"]).is_file() for image in content["images"])


@pytest.mark.parametrize(("counts", "weights"), [((90, 9), "effective"), ((90, 60), "none"), ((90, 0), "none")])
def test_rare_classes_weigh_more(counts: tuple[int, ...], weights: str) -> None:
    facts = Facts(90, 9, 3, sum(counts), ("a", "b"), counts, (0.1,) * 5, 4, (480, 640), 0, False)
    found = {choice.name: choice for choice in choose(facts, np.full((9, 2), 0.3, np.float32))}
    assert found["class_weights"].value == weights
    assert found["class_weights"].reason
