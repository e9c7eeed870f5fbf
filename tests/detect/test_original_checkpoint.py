"""Runs start from and continue checkpoints laid out as the original writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from uhd.cli import main, original
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.models.weights import describe, load_model, save_weights, untrained
from uhd.training.checkpoint import newest_last

torch.set_num_threads(1)
ANCHORS = ((0.1, 0.2), (0.2, 0.4), (0.4, 0.6))
NETWORK = {
    "cnn_width": 4,
    "anchors": ANCHORS,
    "activation": "swish",
    "use_improved_head": True,
    "use_iou_aware_head": False,
    "utod_residual": True,
    "utod_head_ese": False,
    "utod_large_obj_branch": True,
    "utod_large_obj_depth": 1,
    "utod_large_obj_ch_scale": 1.5,
    "utod_context_rfb": True,
    "utod_context_dilation": 3,
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("val", 4)):
        (folder / split).mkdir()
        for i in range(count):
            image = np.full((48, 64, 3), 40, np.uint8)
            x, y = (int(v) for v in rng.integers(4, 20, 2))
            cv2.rectangle(image, (x, y), (x + 20, y + 24), (200, 180, 240), -1)
            cv2.imwrite(str(folder / split / f"{i}.png"), image)
            (folder / split / f"{i}.txt").write_text(f"2 {(x + 10) / 64} {(y + 12) / 48} {20 / 64} {0.5}")
    return folder


def checkpoint(optimiser: str = "adamw", **more: Any) -> dict[str, Any]:
    """Return what the original saves after epoch 2 of 5, by its documented keys."""
    torch.manual_seed(3)
    model = UltraTinyOD(UltraTinyODConfig(**NETWORK))
    averaged = UltraTinyOD(UltraTinyODConfig(**NETWORK))
    parameters = list(model.parameters())
    stepper: torch.optim.Optimizer = torch.optim.AdamW(parameters, 0.004, weight_decay=0.001)
    if optimiser == "sgd":
        stepper = torch.optim.SGD(parameters, 0.004, momentum=0.9, nesterov=True, weight_decay=0.001)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(stepper, T_max=5)
    for _ in range(2):
        model(torch.rand(2, 3, 48, 64)).square().mean().backward()
        stepper.step()
        schedule.step()
    named = {name: value for name, value in NETWORK.items() if name != "anchors"}
    table: dict[str, Any] = {
        "model": model.state_dict(),
        "ema": averaged.state_dict(),
        "ema_updates": 8,
        "use_ema": True,
        "ema_decay": 0.99,
        "optimizer": stepper.state_dict(),
        "scaler": {},
        "scheduler": schedule.state_dict(),
        "metrics": {"mAP@0.5": 0.31, "loss": 2.5, "note": None},
        "best_map": 0.31,
        "epoch": 2,
        "arch": "ultratinyod",
        "classes": [2],
        "img_size": "48x64",
        "resize_mode": "opencv_inter_nearest",
        "multi_label_mode": "none",
        "multi_label_det_classes": None,
        "multi_label_attr_classes": None,
        "augment_cfg": {"data_augment_pre": {"HorizontalFlip": {"prob": 0.5}}},
        "use_batchnorm": True,
        "quality_power": 1.0,
        "score_mode": "",
        "output_stride": None,
        "anchors": [list(pair) for pair in ANCHORS],
        "num_anchors": 3,
        "iou_loss": "ciou",
        "anchor_assigner": "simota",
        "anchor_cls_loss": "vfl",
        "loss_weight_obj": 16.0,
        "obj_loss_type": "smoothl1",
        "obj_target": "auto",
        "simota_topk": 7,
        "grad_clip_norm": 4.0,
        "w_bits": 0,
        "a_bits": 0,
    }
    return table | named | more


def write(folder: Path, table: dict[str, Any], name: str = "last_0002.pt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(table, folder / name)
    return folder / name


QUIET = ["--threads", "1", "--samples", "0", "--batch-size", "8", "--no-tensorboard"]


def test_ckpt_takes_the_network_and_its_input(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, checkpoint())
    command = ["train", str(photos), "--output", str(tmp_path / "runs"), "--exp-name", "a", "--epochs", "1", *QUIET]
    assert main([*command, "--ckpt", str(path), "--img-size", "64x64", "--lr", "1e-9", "--muon-lr", "1e-9"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("from last_0002.pt"))
    taken, given = line.split("; ")
    for text in ("cnn_width 4", "anchors (3)", "activation swish", "classes 2", "utod_context_dilation 3"):
        assert text in taken, line
    assert given == "from flags: img_size"
    network, meta = load_model(newest_last(tmp_path / "runs" / "a"))
    wanted = load_model(path)[0]
    assert meta["img_size"] == "64x64"
    assert network.config == wanted.config
    for name, value in wanted.state_dict().items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(network.state_dict()[name], value, atol=1e-5, rtol=0)


def test_a_branch_that_was_never_trained_is_named(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = UltraTinyOD(UltraTinyODConfig(cnn_width=4))
    table = {"rebuilt_from": "a.onnx: batch-norm folded", "score_mode": "quality_cls", "img_size": "32x32"}
    save_weights(tmp_path / "a.safetensors", network.state_dict(), describe(network, **table))
    command = ["train", str(photos), "--output", str(tmp_path / "runs"), "--epochs", "1", *QUIET, "--classes", "2"]
    assert main([*command, "--ckpt", str(tmp_path / "a.safetensors"), "--exp-name", "a"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("from a.safetensors"))
    assert line.endswith("untrained: obj, which no score of it needs (a.onnx: batch-norm folded)")
    # What comes of it is trained in all its branches.
    assert untrained(load_model(newest_last(tmp_path / "runs" / "a"))[1]) == ()


def test_what_is_typed_wins(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, checkpoint())
    command = ["train", str(photos), "--output", str(tmp_path / "r"), "--epochs", "1", *QUIET, "--ckpt", str(path)]
    typed = "0.11,0.2 0.2,0.4 0.4,0.6"
    assert main([*command, "--anchors", typed, "--exp-name", "a"]) == 0
    network, _ = load_model(newest_last(tmp_path / "r" / "a"))
    assert network.config.anchors[0] == pytest.approx((0.11, 0.2))
    assert float(network.anchors[0, 0]) == pytest.approx(0.11)
    capsys.readouterr()
    assert main([*command, "--cnn-width", "8", "--exp-name", "b"]) == 2
    assert "another architecture" in capsys.readouterr().err
    assert main([*command, "--arch", "cnn", "--exp-name", "b"]) == 2
    assert "is of --arch ultratinyod" in capsys.readouterr().err
    assert main([*command, "--num-anchors", "2", "--anchors", "0.1,0.1 0.3,0.3", "--ckpt-non-strict"]) == 0
    assert "start fresh" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_resume_continues_weights_epoch_and_optimiser(
    kind: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = checkpoint(kind)
    path = write(tmp_path / "run", table)
    command = ["--image-dir", str(photos), "--resume", str(path), *QUIET, "--lr", "1e-12", "--weight-decay", "0"]
    assert original.train(command) == 0
    said = capsys.readouterr().out
    assert "continued after epoch 2 of 5 with its weights, averaged weights, optimiser" in said
    for text in ("anchor_assigner simota-legacy", "anchor_cls_loss vfl-legacy", "loss_weight_obj 16.0", "epochs 5"):
        assert text in said, said
    state = torch.load(newest_last(tmp_path / "run"), weights_only=True)
    assert state["epoch"] == 5
    assert state["ema_updates"] == 8 + 3 * 2
    assert state["train_config"]["optimizer"] == kind
    assert state["train_config"]["grad_clip_norm"] == 4.0
    assert state["loss_config"]["obj_loss"] == "smoothl1"
    torch.testing.assert_close(state["model"]["head.box_out.weight"], table["model"]["head.box_out.weight"])
    if kind == "adamw":
        assert float(state["optimizer"]["state"][0]["step"]) == 2 + 3 * 2


def test_the_optimisers_state_reaches_its_parameter(photos: Path, tmp_path: Path) -> None:
    """One resumed epoch without steps' noise: moments are those of the file, decayed."""
    table = checkpoint(epoch=4)
    path = write(tmp_path / "run", table, "last_0004.pt")
    command = ["--image-dir", str(photos), "--resume", str(path), *QUIET, "--lr", "1e-12", "--batch-size", "16"]
    assert original.train([*command, "--grad-clip-norm", "1e-9"]) == 0
    state = torch.load(newest_last(tmp_path / "run"), weights_only=True)
    model = UltraTinyOD(UltraTinyODConfig(**NETWORK))
    names = [name for name, _ in model.named_parameters()]
    for i, name in enumerate(names):
        if i not in table["optimizer"]["state"]:  # the anchors' scale had no gradient there
            continue
        before, after = table["optimizer"]["state"][i], state["optimizer"]["state"][i]
        torch.testing.assert_close(after["exp_avg"], before["exp_avg"] * 0.9, atol=1e-7, rtol=1e-3, msg=name)


def test_another_optimiser_starts_fresh_and_says_so(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "run", checkpoint(epoch=4))
    assert main(["train", str(photos), "--resume", str(path), *QUIET, "--optimizer", "muon"]) == 0
    assert "a fresh optimiser (adamw there, muon here)" in capsys.readouterr().out


def test_a_run_continued_from_the_original_continues_as_ours(photos: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "run", checkpoint(epoch=3))
    assert original.train(["--image-dir", str(photos), "--resume", str(path), *QUIET, "--epochs", "4"]) == 0
    assert original.train(["--image-dir", str(photos), "--resume", str(tmp_path / "run"), "--epochs", "5"]) == 0
    assert torch.load(newest_last(tmp_path / "run"), weights_only=True)["epoch"] == 5


def test_every_verb_takes_it(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, checkpoint(w_bits=4, quant_target="head"))
    image = str(photos / "val" / "0.png")
    assert main(["predict", image, "--model", str(path), "--output", str(tmp_path / "drawn")]) == 0
    assert main(["val", str(photos), "--model", str(path)]) == 0
    assert main(["export", str(path), "--output", str(tmp_path / "a.onnx")]) == 0
    assert main(["info", str(path), "--no-layers"]) == 0
    assert "head: weights 4 bit" in capsys.readouterr().out
    assert main(["inspect", str(path)]) == 0
    said = capsys.readouterr().out
    assert "anchor_assigner" in said
    there = ["--output", str(tmp_path / "measured")]
    assert original.train(["--image-dir", str(photos), "--val-only", "--ckpt", str(path), "--use-ema", *there]) == 0
    command = ["train", str(photos), "--classes", "2", "--epochs", "1", "--output", str(tmp_path / "s"), *QUIET]
    teach = ["--teacher-ckpt", str(path), "--distill-feat", "1", "--cnn-width", "4", "--img-size", "48x64"]
    teach += ["--override-from-teacher-anchors"]
    assert main([*command, *teach]) == 0


def test_a_bare_state_dict_tells_its_input_by_its_shapes(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = UltraTinyOD(UltraTinyODConfig(cnn_width=4, in_channels=1, num_classes=3, activation="swish"))
    torch.save(network.state_dict(), tmp_path / "bare.pt")
    command = ["train", str(photos), "--output", str(tmp_path / "r"), "--epochs", "1", *QUIET]
    assert main([*command, "--ckpt", str(tmp_path / "bare.pt")]) == 0
    said = capsys.readouterr().out
    assert "resize_mode opencv_inter_nearest_y" in said
    assert "classes 0,1,2" in said


def test_the_checkpoint_is_not_deleted_with_the_run_it_lies_in(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "runs" / "a", checkpoint(), "best_utod_0002_map_0.31000.pt")
    command = ["train", str(photos), "--output", str(tmp_path / "runs"), "--exp-name", "a", "--overwrite", *QUIET]
    assert main([*command, "--ckpt", str(path)]) == 2
    assert "give another --exp-name" in capsys.readouterr().err
    assert path.is_file()
