"""What a teacher's file must hold, and what the user may say of it."""

from __future__ import annotations

import pytest
import torch

from uhd.cli import main
from uhd.detect.teacher import load_teachers
from uhd.errors import UserError
from uhd.losses.distillation.config import DistillConfig
from uhd.models.weights import describe

from .pair import MODE, SIZE, network, saved


def test_the_file_tells_architecture_size_and_mode(tmp_path):
    path = saved(tmp_path / "t.safetensors", network(6), img_size="64x48", resize_mode="torch_bilinear")
    teachers = load_teachers(DistillConfig(teacher_ckpt=path, teacher_arch="ultratinyod"), SIZE, MODE)
    assert teachers is not None
    assert teachers.size == (64, 48)
    assert teachers.mode == "torch_bilinear"
    assert teachers.detector is not None
    assert teachers.detector.config.cnn_width == 6
    typed = load_teachers(DistillConfig(teacher_ckpt=path, teacher_img_size=(96, 96)), SIZE, MODE)
    assert typed is not None
    assert typed.size == (96, 96)


def test_averaged_weights_teach(tmp_path):
    raw, averaged = network(4), network(4, seed=1)
    torch.save(
        {"model": raw.state_dict(), "ema": averaged.state_dict(), "use_ema": True} | describe(raw), tmp_path / "t.pt"
    )
    teachers = load_teachers(DistillConfig(teacher_ckpt=tmp_path / "t.pt"), SIZE, MODE)
    assert teachers is not None
    assert teachers.detector is not None
    wanted = averaged.state_dict()["head.box_out.weight"]
    assert torch.equal(teachers.detector.state_dict()["head.box_out.weight"], wanted)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"teacher_arch": "cnn"}, "--teacher-arch cnn: .* holds a model of ultratinyod"),
        ({"teacher_activation": "swish"}, "--teacher-activation swish: the teacher in .* has relu"),
        ({"teacher_d_model": 64}, "--teacher-d-model 64: .* which has no such setting"),
        ({"teacher_img_size": (60, 64)}, "multiples of the output stride"),
    ],
)
def test_what_the_user_says_of_the_teacher_must_be_true(tmp_path, settings, words):
    path = saved(tmp_path / "t.safetensors", network())
    with pytest.raises(UserError, match=words):
        load_teachers(DistillConfig(teacher_ckpt=path, **settings), SIZE, MODE)


@pytest.mark.parametrize(
    "settings",
    [
        {"distill_kl": 1.0},
        {"distill_feat": 0.5},
        {"distill_cosine": True},
        {"teacher_img_size": (64, 64)},
        {"override_from_teacher_anchors": True},
    ],
)
def test_a_flag_that_needs_a_teacher_says_so(settings):
    with pytest.raises(UserError, match="needs a teacher: --teacher-ckpt FILE"):
        load_teachers(DistillConfig(**settings), SIZE, MODE)


def test_files_that_are_no_teacher_are_refused(tmp_path):
    (tmp_path / "broken.pt").write_bytes(b"no checkpoint")
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, tmp_path / "other.pt")
    for name in ("absent.pt", "broken.pt", "other.pt"):
        with pytest.raises(UserError, match=name):
            load_teachers(DistillConfig(teacher_ckpt=tmp_path / name), SIZE, MODE)


def test_an_exported_file_is_no_teacher(tmp_path, capsys):
    (tmp_path / "t.onnx").write_bytes(b"a graph")
    assert main(["train", str(tmp_path), "--output", str(tmp_path), "--teacher-ckpt", str(tmp_path / "t.onnx")]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path / 't.onnx'}: is an exported file, not a checkpoint; "
        "give the .safetensors or .pt it came from\n"
    )
