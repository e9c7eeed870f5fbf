"""What the original's scripts do when a flag is left out, and what its demo assumes of a bare model file."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import yaml

from uhd.card import ModelCard
from uhd.cli import original
from uhd.cli.scripts import SCRIPTS
from uhd.model_file import model_file

HERE = Path(__file__).parent
FLAGS = list(csv.DictReader((HERE / "original_flags.csv").open()))
# The original stores "--no-x" as x = True; anchors without a value are an empty list here.
EMPTY = (None, [])


def printed(script: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert SCRIPTS[script](["--print-config"]) == 0
    table = yaml.safe_load(capsys.readouterr().out)
    assert table["preset"] == "original"
    return dict(table)


def same(row: dict[str, str], value: object) -> bool:
    wanted = row["default in code"]
    if not wanted:
        return value in EMPTY
    if isinstance(value, list):
        return wanted.replace("x", ",").split(",") == [str(item) for item in value]
    if row["type"] in ("int", "float"):
        return float(wanted) == float(str(value))
    return wanted == str(value)


@pytest.mark.parametrize("script", ["train.py", "export_onnx.py", "demo_uhd.py"])
def test_every_default_is_the_originals(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = printed(script, capsys)
    rows = [row for row in FLAGS if row["script"] == script and row["kind"] in ("value", "switch")]
    assert len(rows) > 10
    different = {}
    for row in rows:
        key = row["flag"].strip("-").replace("-", "_")
        if key.startswith("no_"):
            # Listed is the value that --no-x takes away; --no-simplify is a switch that is off.
            key, row = key[3:], row | {"default in code": "True"}
        if not same(row, found[key]):
            different[key] = (row["default in code"], found[key])
    assert different == {}


@pytest.mark.parametrize(
    "row",
    [row for row in FLAGS if row["choices"]],
    ids=[f"{row['script']} {row['flag']}" for row in FLAGS if row["choices"]],
)
def test_what_is_not_a_choice_is_refused(row: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert SCRIPTS[row["script"]]([row["flag"], "99nonsense", "--print-config"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert row["flag"].strip("-") in error or "resize mode" in error


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "a.jpg"), np.full((60, 80, 3), 90, np.uint8))
    return tmp_path


def strip(path: Path, names: tuple[str, ...], dynamic: bool = False) -> None:
    graph = onnx.load(model_file("small"))
    kept = [(item.key, item.value) for item in graph.metadata_props if item.key not in names]
    onnx.helper.set_model_props(graph, dict(kept))
    if dynamic:
        for axis, letter in ((2, "H"), (3, "W")):
            graph.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = letter
        del graph.graph.value_info[:]
    onnx.save(graph, path)


def test_the_demo_assumes_what_a_file_leaves_open(place: Path) -> None:
    strip(place / "bare.onnx", ("resize_mode", "img_size"))
    assert original.demo(["--images", "photos", "--onnx", "bare.onnx"]) == 0
    strip(place / "dynamic.onnx", ("resize_mode", "img_size"), dynamic=True)
    assert original._unsaid(original.DemoConfig(onnx=place / "dynamic.onnx"), False) == (
        (64, 64),
        "opencv_inter_nearest",
    )
    strip(place / "said.onnx", ())
    assert original._unsaid(original.DemoConfig(onnx=place / "said.onnx"), False) == (None, None)


def test_the_demos_size_must_fit_the_file(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strip(place / "m.onnx", ())
    command = ["--images", "photos", "--onnx", "m.onnx"]
    assert original.demo([*command, "--img-size", "64x64"]) == 0
    assert original.demo([*command, "--img-size", "32x32"]) == 2
    assert "64x64" in capsys.readouterr().err


@pytest.mark.parametrize("flag", [["--score-mode", "cls"], ["--quality-power", "2"]])
def test_the_demo_says_when_a_flag_is_without_effect(
    flag: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert original.demo(["--images", "photos", *flag]) == 0
    assert f"{flag[0]} is without effect" in capsys.readouterr().err


def test_the_demo_scores_raw_outputs_as_it_is_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import uhd.cli.predict
    from uhd.export.onnx.export import export_onnx
    from uhd.models import create_model

    export_onnx(create_model(cnn_width=4), place / "raw.onnx", ModelCard(), "raw", verify=False)
    seen = []
    monkeypatch.setattr(uhd.cli.predict, "predict", lambda _sources, settings: seen.append(settings) or 0)
    command = ["--images", "photos", "--onnx", "raw.onnx"]
    assert original.demo(command) == 0
    assert original.demo([*command, "--score-mode", "obj_quality_cls", "--quality-power", "2"]) == 0
    assert [(each.score_mode, each.quality_power) for each in seen] == [(None, None), ("obj_quality_cls", 2)]
    assert "without effect" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([], "--images DIR or --camera"),
        (["--images", "photos", "--camera", "0"], "--images DIR or --camera"),
        (["--images", "photos", "--tflite", "nowhere.tflite"], "nowhere.tflite"),
        (["--images", "photos", "--tflite", "m.tflite", "--onnx", "m.onnx"], "either --onnx FILE or --tflite"),
        (["--images", "nowhere"], "nowhere"),
        (["--images", "photos", "--onnx", "nowhere.onnx"], "nowhere.onnx"),
    ],
)
def test_the_demos_mistakes(command: list[str], said: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert original.demo(command) == 2
    assert said in capsys.readouterr().err


def test_the_originals_augmentation_is_found_from_any_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import uhd.detect.run
    from uhd.augment.pipeline import Pipeline

    seen = []
    monkeypatch.setattr(uhd.detect.run, "run", lambda settings, *_: seen.append(settings.detect.aug_config))
    assert original.train(["--arch", "ultratinyod", "--image-dir", "photos"]) == 0
    assert len(Pipeline.load(seen[0]).operations) == 6
    assert original.train(["--arch", "ultratinyod", "--image-dir", "photos", "--aug-config", "my/aug.yaml"]) == 0
    assert seen[1] == Path("my/aug.yaml")
