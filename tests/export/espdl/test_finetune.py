"""A quantised graph is trained on: which outputs and which score it uses, and that weights follow the loss."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from uhd.cli import finetune_espdl
from uhd.config import preset
from uhd.errors import UserError
from uhd.export.espdl.finetune import raw_of, score_metadata, wanted_outputs
from uhd.export.espdl.finetune_config import FinetuneConfig
from uhd.heads import HeadLayout
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.models.weights import describe, save_weights
from uhd.runtime.raw_output import raw_map

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


def test_outputs_that_cannot_be_used() -> None:
    with pytest.raises(UserError, match="noconcat"):
        wanted_outputs(["txtywh_obj_quality_cls_x8"], config())
    with pytest.raises(UserError, match="no quality output"):
        wanted_outputs(["box", "obj"], config(use_quality=True), {"use_quality"})


@pytest.mark.parametrize(
    ("said", "outputs", "typed", "wanted"),
    [
        ("quality_cls", ["box", "quality", "cls"], (), "quality_cls"),
        ("quality_cls", ["box", "quality"], (), "quality"),
        ("", ["box", "obj", "cls"], (), "obj_cls"),
        ("quality_cls", ["box", "obj", "quality", "cls"], ("score_mode",), "obj_quality_cls"),
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


def test_weights_follow_the_loss_and_files_hold_them(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("esp_ppq")
    # The name uhd.export is a function, which hides the package.
    module = import_module("uhd.export.espdl.quantise")

    quantise, seen = module.quantise, SimpleNamespace(graph=None)

    def quickly(model: Any, images: Any, how: Any, **options: Any) -> Any:
        how = module.Quantisation(how.target, how.bits, "minmax", equalise=False)
        done = quantise(model, images, how, **options)
        seen.graph = done.graph
        return done

    monkeypatch.setattr(module, "quantise", quickly)
    torch.manual_seed(0)
    shape = {"cnn_width": 4, "use_improved_head": False, "utod_large_obj_branch": False, "num_anchors": 2}
    network = UltraTinyOD(UltraTinyODConfig(**shape)).eval()
    table = {"img_size": "32x32", "resize_mode": "opencv_inter_nearest", "classes": [0], "class_names": ["person"]}
    save_weights(tmp_path / "m.safetensors", network.state_dict(), describe(network, **table))
    command = ["--onnx-model", str(tmp_path / "m.safetensors"), "--image-dir", str(photos), "--num-workers", "0"]
    command += ["--epochs", "2", "--batch-size", "4", "--calib-steps", "2", "--lr", "1e-3", "--target", "esp32s3"]
    assert finetune_espdl.original([*command, "--save-dir", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out.splitlines()
    losses = [float(line.split("loss ")[1].split()[0]) for line in said if line.startswith("epoch") and "loss" in line]
    assert losses[1] < losses[0]
    moved = next(line for line in said if line.startswith("weights moved"))
    assert 0 < float(moved.split()[3]) < 10

    from uhd.export.espdl.simulator import EspdlPredictor, Simulation

    image = np.random.default_rng(0).random((1, 3, 32, 32)).astype(np.float32)
    file = tmp_path / "out" / "epoch_002" / "m.espdl"
    assert {path.suffix for path in file.parent.iterdir()} == {".espdl", ".info", ".json", ".onnx", ".h"}
    again = EspdlPredictor(file)
    wanted, found = Simulation(seen.graph).run(image), again.run(image)
    assert all(np.array_equal(wanted[name], found[name]) for name in ("box", "quality", "cls"))
