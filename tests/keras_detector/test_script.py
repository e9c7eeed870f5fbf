"""``python -m uhd_keras.train``: every flag and default of UHD-keras, its rules about classes, its other names."""

from __future__ import annotations

import csv
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.drawn_figures import draw_figures
from uhd.augment.pipeline import Pipeline
from uhd.cli.keras_train import train
from uhd.data.config import DataConfig
from uhd.data.loader import Loader
from uhd.data.open import open_data, read_dataset
from uhd.training.config import TrainConfig
from uhd.training.schedule import learning_rate

ROWS = [
    row
    for row in csv.DictReader((Path(__file__).parents[1] / "cli" / "original_flags.csv").open())
    if row["script"] == "uhd_keras.train" and row["kind"] in ("value", "switch")
]
# What was said there by nothing, is said here by a value; the log folder was the run's unless one was typed.
OTHERWISE = {"num_workers": 0, "exp_name": "ultratinyod", "grad_clip_norm": 0.0, "log_dir": None, "classes": [0]}
OTHER_NAMES = {
    "feature_distill_weight": "distill_feat",
    "use_residual": "utod_residual",
    "use_head_ese": "utod_head_ese",
}


def printed(command: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert train([*shlex.split(command), "--print-config"]) == 0, capsys.readouterr().err
    return dict(yaml.safe_load(capsys.readouterr().out))


def test_every_default_is_that_of_uhd_keras(capsys: pytest.CaptureFixture[str]) -> None:
    table = printed("", capsys)
    assert (table["preset"], table["framework"], len(ROWS)) == ("keras", "keras", 56)
    different = {}
    for row in ROWS:
        key = row["flag"].strip("-").replace("-", "_")
        if key in ("opencv_inter_nearest", "keras_bilinear", "keras_nearest"):
            continue
        wanted, value = row["default in code"], table[OTHER_NAMES.get(key, key)]
        if key == "img_size":
            value = value[0]
        same = value in (None, []) if not wanted else wanted == str(value)
        if not same and (key not in OTHERWISE or value != OTHERWISE[key]):
            different[key] = (wanted, value)
    assert different == {}


def test_the_learning_rate_is_constant(capsys: pytest.CaptureFixture[str]) -> None:
    table = printed("", capsys)
    config = TrainConfig(**{name: table[name] for name in ("lr", "warmup_steps", "schedule", "final_lr", "epochs")})
    assert {learning_rate(config, step, 7) for step in range(0, 700, 50)} == {0.001}


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("--classes 0,3 --num-classes 9", {"classes": [0, 3]}),
        ("--num-classes 3 --names NAMES", {"classes": [0, 1, 2], "class_names": ["body", "head", "hand"]}),
        ("--names NAMES", {"classes": [0, 1, 2, 3], "class_names": ["body", "head", "hand", "foot"]}),
        ("--names NAMES --classes 0,3", {"classes": [0, 3], "class_names": ["body", "foot"]}),
        ("--anchors '[[0.1, 0.2], [0.3, 0.4]]'", {"anchors": [[0.1, 0.2], [0.3, 0.4]]}),
        ("--anchors 0.1,0.2;0.3,0.4", {"anchors": [[0.1, 0.2], [0.3, 0.4]]}),
        ("--keras_bilinear", {"resize_mode": "opencv_inter_linear"}),
        ("--resize-mode keras_nearest", {"resize_mode": "opencv_inter_nearest"}),
        ("--assigner simota --cls-loss-type vfl", {"anchor_assigner": "simota", "anchor_cls_loss": "vfl"}),
        ("--use-residual --use-head-ese", {"utod_residual": True, "utod_head_ese": True}),
        ("--ckpt-out runs/student --log-dir logs", {"output": "runs", "exp_name": "student", "log_dir": "logs"}),
        ("--no-aug", {"aug_config": "uhd_keras/no_aug.yaml"}),
        ("--distill-weight 2 --feature-distill-weight 0.5", {"distill_weight": 2.0, "distill_feat": 0.5}),
        ("--train-split 0.5 --val-split 0.1", {"train_split": pytest.approx(5 / 6), "val_split": pytest.approx(1 / 6)}),
    ],
)
def test_what_flags_mean(
    command: str, wanted: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "obj.names").write_text("body\nhead\nhand\n\nfoot\n")
    table = printed(command.replace("NAMES", str(tmp_path / "obj.names")), capsys)
    assert {name: table[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("", "give --classes 0,1, --num-classes N or --names FILE"),
        ("--names nowhere.names", "--names nowhere.names: No such file"),
        ("--classes 0 --no-aug --aug-config x.yaml", "exclude each other"),
    ],
)
def test_what_is_refused(
    command: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    assert train([*shlex.split(command), "--image-dir", "photos"]) == 2
    assert told in capsys.readouterr().err
    assert sorted(each.name for each in tmp_path.iterdir()) == ["photos"]


def test_the_augmentation_files_are_found_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kinds = [type(each).__name__ for each in Pipeline.load(Path("uhd_keras/aug.yaml")).operations]
    assert len(kinds) == 5
    assert Pipeline.load(Path("uhd_keras/no_aug.yaml")).operations == ()


def test_augmentation_is_drawn_anew_in_every_epoch_and_misses_no_image(tmp_path: Path) -> None:
    """UHD-keras kept the first epoch for all others, and the same images fell out of each."""
    draw_figures([tmp_path / "train"] * 10 + [tmp_path / "val"], 32)
    (tmp_path / "train/09.txt").write_text("")  # nobody: stays, as background
    data = DataConfig(image_dir=tmp_path)
    opened = open_data(data)
    dataset = read_dataset(opened.train, data, opened.report, False)
    assert len(dataset) == 10
    pipeline = Pipeline.load(Path("uhd_keras/aug.yaml"))
    loader = Loader(dataset, pipeline, (32, 32), "opencv_inter_nearest", 4, drop_last=False)
    epochs = [
        {name: image for batch in loader.epoch(i) for name, image in zip(batch.names, batch.images, strict=True)}
        for i in range(2)
    ]
    assert len(epochs[0]) == len(epochs[1]) == 10
    assert sum(not np.array_equal(image, epochs[1][name]) for name, image in epochs[0].items()) >= 8
