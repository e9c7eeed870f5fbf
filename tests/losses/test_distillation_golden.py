"""In the original's mode every term and the total equal the original's, run on the same closed-form weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.models.test_original_parity import GOLDEN, fill
from uhd.config import preset
from uhd.data.batch import Batch
from uhd.detect.distill import Distillation
from uhd.detect.teacher import Teachers
from uhd.losses import build_objective
from uhd.losses.config import LossConfig
from uhd.losses.distillation.config import DistillConfig
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig

NUMBERS = json.loads((GOLDEN / "distill.json").read_text())


def network(width: int) -> UltraTinyOD:
    anchors = tuple(map(tuple, NUMBERS["anchors8"]))
    model = UltraTinyOD(UltraTinyODConfig(cnn_width=width, utod_large_obj_branch=False, anchors=anchors))
    fill(model)
    return model


@pytest.mark.parametrize("cosine", [False, True])
def test_agrees_with_the_original(cosine: bool, harr, padded) -> None:
    student, teacher = network(16).train(), network(32)
    config = preset(
        DistillConfig, "original", teacher_ckpt=Path("teacher.pt"), distill_kl=1.0, distill_box_l1=1.0,
        distill_obj=1.0, distill_quality=1.0, distill_feat=0.5, distill_temperature=2.0, distill_cosine=cosine,
    )  # fmt: skip
    teachers = Teachers(teacher, None, (64, 64), "torch_bilinear")
    distillation = Distillation(student, teachers, config, (64, 64), "torch_bilinear", 10, torch.device("cpu"))
    with torch.no_grad():
        distillation.adapter.weight.copy_(harr((128, 64, 1, 1), 500, 0.1))
        distillation.adapter.bias.copy_(harr((128,), 501, 0.1))
    # The sine of a large float32 is inexact, and the input's error would show in the losses.
    images = ((torch.sin(torch.arange(2 * 3 * 64 * 64).double() * 0.013) + 1) / 2).float().view(2, 3, 64, 64)
    distillation._tensor = lambda _images, _mode: images
    distillation.start_epoch(2)
    with distillation.watching() as features:
        raw = student(images)
    objective = build_objective(student, preset(LossConfig, "original", iou_loss="ciou"))
    total, parts = objective(raw, padded(NUMBERS["targets_1cls"]))
    extra, terms = distillation(raw, features, Batch(images, None, None, None, ()))
    expected = NUMBERS["distill"]["logs"][f"nc1_cosine{cosine}"]
    found = {name: float(value) for name, value in (parts | terms | {"loss": (total + extra).detach()}).items()}
    for name in (*terms, "loss", "obj", "cls", "box", "quality"):
        assert found[name] == pytest.approx(expected[name], rel=1e-4), name
    assert len(terms) == 5
