"""A quantised graph is trained on: which outputs and which score it uses, and that weights follow the loss."""

from __future__ import annotations

import csv
import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from uhd.cli import finetune_espdl
from uhd.config import preset
from uhd.errors import UserError
from uhd.export.espdl.finetune.config import FinetuneConfig
from uhd.export.espdl.finetune.outputs import raw_of, score_metadata, wanted_outputs
from uhd.heads import HeadLayout
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.models.weights import describe, read_checkpoint, read_weights, save_weights
from uhd.runtime.raw_output import raw_map
from uhd.training.trainer import Trainer

torch.set_num_threads(1)


def config(**changes: Any) -> FinetuneConfig:
    return preset(FinetuneConfig, "original", **changes)


@pytest.mark.parametrize(
    ("names", "changes", "wanted"),
    [
        (["box", "quality", "cls"], {}, ["box", "quality", "cls"]),  # of an IoU-aware head: no obj
        (["box", "obj", "quality", "cls"], {"use_quality": False}, ["box", "obj", "cls"]),
        (["box", "obj", "cls"], {"disable_cls": True}, ["box", "obj"]),
        (["box", "quality", "anchors", "wh_scale"], {}, ["box", "quality"]),
    ],
)
def test_outputs(names: list[str], changes: dict[str, Any], wanted: list[str]) -> None:
    assert wanted_outputs(names, config(**changes)) == wanted


JOINED = "txtywh_obj_quality_cls_x8"


@pytest.mark.parametrize(
    ("names", "changes", "said"),
    [
        (["score_classid_cxcywh"], {}, "no-merge-postprocess"),
        (["box", "obj"], {"use_quality": True}, "no quality output"),
        ([JOINED], {"disable_cls": True}, "--disable-cls: .* is one map"),
        ([JOINED], {"use_quality": False, "disable_cls": True}, "--disable-cls and --no-quality: .*noconcat"),
    ],
)
def test_outputs_that_cannot_be_used(names: list[str], changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        wanted_outputs(names, config(**changes), set(changes))


def test_a_joined_map_is_used_whole() -> None:
    assert wanted_outputs([JOINED, "anchors", "wh_scale"], config(), {"use_quality"}) == [JOINED]
    assert wanted_outputs(["txtywh_obj_cls_x8"], config(use_quality=False)) == ["txtywh_obj_cls_x8"]


@pytest.mark.parametrize(
    ("said", "outputs", "typed", "wanted"),
    [
        ("quality_cls", ["box", "quality", "cls"], (), "quality_cls"),
        ("quality_cls", ["box", "quality"], (), "quality"),
        ("", ["box", "obj", "cls"], (), "obj_cls"),
        ("quality_cls", ["box", "obj", "quality", "cls"], ("score_mode",), "obj_quality_cls"),
        ("quality_cls", [JOINED], (), "quality_cls"),
        ("", ["txtywh_obj_cls_x8"], (), "obj_cls"),
    ],
)
def test_the_score_follows_the_file_unless_it_is_typed(
    said: str, outputs: list[str], typed: tuple[str, ...], wanted: str
) -> None:
    found = score_metadata({"score_mode": said, "quality_power": "2.0"}, outputs, config(), typed)
    assert (found["score_mode"], found["quality_power"]) == (wanted, "2.0")


@pytest.mark.parametrize("names", [("box", "quality", "cls"), ("box", "obj", "quality"), ("box", "obj")])
def test_maps_are_interleaved_as_deployment_reads_them(names: tuple[str, ...]) -> None:
    rng, count, classes = np.random.default_rng(0), 3, 2 if "cls" in names else 0
    channels = {"box": 4, "obj": 1, "quality": 1, "cls": classes}
    tensors = {n: rng.normal(size=(2, count * channels[n], 4, 5)).astype(np.float32) for n in names}
    pairs = rng.random((count, 2)).astype(np.float32)
    layout = HeadLayout(pairs, np.ones_like(pairs), classes, "quality" in names, "obj", 1.0)
    found = raw_of({name: torch.from_numpy(values) for name, values in tensors.items()}, layout)
    assert np.array_equal(found.numpy(), raw_map(tensors, layout))


@pytest.mark.parametrize("name", [JOINED, "txtywh_box_quality_cls_x8"])
def test_a_joined_map_is_read_as_deployment_reads_it(name: str) -> None:
    rng, count, classes = np.random.default_rng(0), 3, 2
    channels = count * (5 + classes + ("obj" in name))
    pairs = rng.random((count, 2)).astype(np.float32)
    layout = HeadLayout(pairs, np.ones_like(pairs), classes, True, "quality_cls", 1.0)
    values = rng.normal(size=(2, channels, 4, 5)).astype(np.float32)
    found = raw_of({name: torch.from_numpy(values)}, layout)
    assert np.array_equal(found.numpy(), raw_map({name: values}, layout))


def test_what_is_missing_is_one_clear_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for given, said in (([], "which model?"), (["--onnx-model", "a.onnx"], "which images?")):
        assert finetune_espdl.original(given) == 2
        assert said in capsys.readouterr().err
    both = ["--onnx-model", str(tmp_path / "a.onnx"), "--image-dir", str(tmp_path)]
    assert finetune_espdl.original(both) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 4)):
        (tmp_path / split).mkdir()
        for i in range(count):
            image = np.full((32, 32, 3), 40, np.uint8)
            x, y = (int(v) for v in rng.integers(2, 10, 2))
            cv2.rectangle(image, (x, y), (x + 14, y + 18), (200, 180, 240), -1)
            cv2.imwrite(str(tmp_path / split / f"{i}.png"), image)
            (tmp_path / split / f"{i}.txt").write_text(f"0 {(x + 7) / 32} {(y + 9) / 32} {14 / 32} {18 / 32}")
    return tmp_path


def save_network(path: Path) -> None:
    torch.manual_seed(0)
    shape = {"cnn_width": 4, "use_improved_head": False, "utod_large_obj_branch": False, "num_anchors": 2}
    network = UltraTinyOD(UltraTinyODConfig(**shape)).eval()
    table = {"img_size": "32x32", "resize_mode": "opencv_inter_nearest", "classes": [0], "class_names": ["person"]}
    save_weights(path, network.state_dict(), describe(network, **table))


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch, esp_ppq: None) -> list[Any]:
    """The graphs that were quantised, quickly."""
    # The name uhd.export is a function, which hides the package.
    module, run = import_module("uhd.export.espdl.quantise"), import_module("uhd.export.espdl.finetune.run")
    found: list[Any] = []

    def quickly(model: Any, images: Any, how: Any, **options: Any) -> Any:
        done = module.quantise(model, images, module.Quantisation(how.target, how.bits, "minmax", False), **options)
        found.append(done.graph)
        return done

    monkeypatch.setattr(run, "quantise", quickly)
    return found


def command_of(model: Path, photos: Path, folder: Path, *more: str) -> list[str]:
    command = ["--onnx-model", str(model), "--image-dir", str(photos), "--num-workers", "0", "--no-tensorboard"]
    command += ["--epochs", "2", "--batch-size", "4", "--calib-steps", "2", "--lr", "1e-3", "--target", "esp32s3"]
    return [*command, "--save-dir", str(folder), *more]


def test_weights_follow_the_loss_and_files_hold_them(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, graphs: list[Any]
) -> None:
    save_network(tmp_path / "m.safetensors")
    command, whole = command_of(tmp_path / "m.safetensors", photos, tmp_path / "a", "--use-ema"), tmp_path / "a"
    assert finetune_espdl.original(command) == 0
    said = capsys.readouterr().out.splitlines()
    rows = list(csv.DictReader((whole / "metrics.csv").open()))
    assert float(rows[1]["train/loss"]) < float(rows[0]["train/loss"])
    assert [line.split()[1] for line in said if line.startswith("epoch")] == ["1/2", "2/2"]
    moved = next(line for line in said if line.startswith("weights moved"))
    assert 0 < float(moved.split()[3]) < 10

    from uhd.export.espdl.finetune.graph import QuantisedGraph
    from uhd.export.espdl.simulator import EspdlPredictor

    image = np.random.default_rng(0).random((1, 3, 32, 32)).astype(np.float32)
    file = whole / "epoch_002" / "m.espdl"
    assert {path.suffix for path in file.parent.iterdir()} == {".espdl", ".info", ".json", ".onnx", ".h"}
    graph = QuantisedGraph(graphs[0])
    graph.load_state_dict(read_weights(whole / "last.safetensors")[0])
    wanted, found = graph.run(image), EspdlPredictor(file).run(image)
    assert all(np.array_equal(wanted[name], found[name]) for name in ("box", "quality", "cls"))

    # Stopped within the second epoch by a signal, and continued: the same files.
    step, folder = Trainer.step, tmp_path / "b"

    def stop(trainer: Trainer, batch: Any) -> Any:
        if trainer.step_count == 2:
            signal.raise_signal(signal.SIGTERM)
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "step", stop)
    assert finetune_espdl.original([*command[:-3], "--save-dir", str(folder), "--use-ema"]) == 130
    assert f"--resume {folder}" in capsys.readouterr().err
    assert not (folder / "epoch_002").exists()
    monkeypatch.setattr(Trainer, "step", step)
    assert finetune_espdl.original(["--resume", str(folder)]) == 0
    states = [read_checkpoint(place / "last.pt") for place in (whole, folder)]
    for part in ("model", "ema"):
        assert all(torch.equal(value, states[1][part][name]) for name, value in states[0][part].items())
    names = [f"epoch_002/m{suffix}" for suffix in (".espdl", ".simulator.onnx", ".info")]
    assert all((whole / name).read_bytes() == (folder / name).read_bytes() for name in names)

    # What is there is moved aside, as the original's commands overwrite; or refused.
    assert finetune_espdl.original([*command, "--no-overwrite"]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert yaml.safe_load((whole / "settings.yaml").read_text())["lr"] == 1e-3
