"""Checkpoints as the original writes them, of the architectures whose files leave something out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from uhd.errors import UserError
from uhd.losses.distillation.config import DistillConfig
from uhd.models import create_model
from uhd.models.network import DetectorNetwork, maps_of
from uhd.models.weights import describe, load_model, save_weights

torch.set_num_threads(1)
FPN = {
    "backbone": "ultratinyresnet",
    "backbone_fpn": True,
    "backbone_channels": (4, 6, 8),
    "backbone_blocks": (1, 1, 1),
}
QUERIES = {"d_model": 16, "layers": 1, "dim_feedforward": 8, "num_queries": 3}


def theirs(model: DetectorNetwork, path: Path, **meta: Any) -> Path:
    """Write a checkpoint with the original's names and nothing of ours in its metadata."""
    state = {name.replace("fpn_laterals", "fpn_convs"): value for name, value in model.state_dict().items()}
    torch.save({"model": state, "arch": model.arch, "activation": "relu", "img_size": "64x64", **meta}, path)
    return path


@pytest.mark.parametrize("skip", [{}, {"backbone_skip": True}, {"backbone_skip": True, "backbone_skip_cat": True}])
def test_a_backbone_with_a_pyramid(skip: dict[str, bool], tmp_path: Path) -> None:
    trained = create_model("cnn", **FPN, **skip).eval()
    path = theirs(trained, tmp_path / "a.pt", backbone_fpn=True)
    found, _ = load_model(path)
    assert found.config.backbone_fpn
    assert found.config.skip is None
    images = torch.rand(1, 3, 64, 64)
    plain = create_model("cnn", **FPN).eval()
    plain.load_state_dict({k: v for k, v in trained.state_dict().items() if ".skip_" not in k})
    with torch.inference_mode():
        assert all(torch.equal(a, b) for a, b in zip(maps_of(found(images)), maps_of(plain(images)), strict=True))


def test_the_heads_of_a_transformer_are_asked_for(tmp_path: Path) -> None:
    trained = create_model("transformer", heads=2, **QUERIES).eval()
    path = theirs(trained, tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"give --heads N \(usually 4\)"):
        load_model(path)
    with pytest.raises(UserError, match="divisible"):
        load_model(path, changes={"heads": 3})
    found, _ = load_model(path, changes={"heads": 2})
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(found(images)[0], trained(images)[0])
    save_weights(tmp_path / "ours.safetensors", trained.state_dict(), describe(trained))
    assert load_model(tmp_path / "ours.safetensors")[0].config.heads == 2


def test_val_and_predict_take_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import cv2
    import numpy as np

    from uhd.cli import main

    path = theirs(create_model("transformer", heads=2, **QUERIES), tmp_path / "a.pt")
    for i in range(2):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((64, 64, 3), 90 * i, np.uint8))
        (tmp_path / f"{i}.txt").write_text("0 .5 .5 .4 .8\n")
    for command in (
        ["val", str(tmp_path), "--split", "all"],
        ["predict", str(tmp_path / "0.png"), "--output", str(tmp_path / "out")],
    ):
        assert main([*command, "--model", str(path)]) == 2
        assert "--heads" in capsys.readouterr().err
        assert main([*command, "--model", str(path), "--heads", "3"]) == 2
        assert "divisible" in capsys.readouterr().err
        assert main([*command, "--model", str(path), "--heads", "2"]) == 0


def test_export_and_a_teacher_take_them(tmp_path: Path) -> None:
    from uhd.cli import main
    from uhd.detect.teacher import load_teachers

    path = theirs(create_model("transformer", heads=2, **QUERIES), tmp_path / "a.pt")
    assert main(["export", str(path), "--output", str(tmp_path / "a.onnx")]) == 2
    assert main(["export", str(path), "--output", str(tmp_path / "a.onnx"), "--heads", "2"]) == 0
    config = DistillConfig(teacher_ckpt=path, teacher_heads=2, distill_kl=1.0)
    teachers = load_teachers(config, (64, 64), "opencv_inter_nearest")
    assert teachers is not None
    assert teachers.detector is not None
    assert teachers.detector.config.heads == 2
