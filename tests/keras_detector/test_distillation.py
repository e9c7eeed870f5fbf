"""A Keras student learns from a wider teacher in a ``.keras`` file as its torch twin does: predictions and features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("keras", reason="keras is not installed: pip install '.[keras]'")

from tests.keras_detector.test_parity import SMALL, state_of, used
from uhd.card import ModelCard
from uhd.detect.distill import Distillation
from uhd.detect.teacher import load_teachers
from uhd.errors import UserError
from uhd.keras_detector.convert import assign_state_dict
from uhd.keras_detector.files import save_keras_model
from uhd.keras_detector.model import create_keras_model
from uhd.keras_detector.network import KerasNetwork
from uhd.losses.distillation.config import DistillConfig
from uhd.models import create_model
from uhd.models.ultratinyod.network import UltraTinyOD
from uhd.models.weights import describe, save_weights

LITTLE = replace(SMALL, cnn_width=4, use_iou_aware_head=False, utod_large_obj_branch=False)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = replace(LITTLE, cnn_width=6)
    model = create_keras_model(config, (32, 32))
    assign_state_dict(model, state_of(used(config)))
    return save_keras_model(model, tmp_path_factory.mktemp("teacher") / "t.keras", config, ModelCard((32, 32)))


@pytest.mark.parametrize(
    ("weights", "terms"),
    [({}, {"kl", "box_l1", "quality"}), ({"distill_feat": 0.5, "distill_weight": 0.0}, {"feat"})],
    ids=["predictions", "features"],
)
def test_the_gradient_is_that_of_the_torch_student(teacher: Path, weights: dict[str, float], terms: set[str]) -> None:
    config = DistillConfig(teacher_ckpt=teacher, **weights)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    batch = SimpleNamespace(images=images, teacher_images=None)
    found = []
    for build in (lambda: KerasNetwork(LITTLE, (32, 32)), lambda: UltraTinyOD(LITTLE)):
        teachers = load_teachers(config, (32, 32), "opencv_inter_nearest")
        assert teachers is not None
        torch.manual_seed(1)
        student = build().train()
        torch.manual_seed(2)
        distillation = Distillation(
            student, teachers, config, (32, 32), "opencv_inter_nearest", 1, torch.device("cpu")
        )  # fmt: skip
        with distillation.watching() as features:
            raw = student(torch.from_numpy(images.astype(np.float32) / 255).permute(0, 3, 1, 2))
        loss, parts = distillation(raw, features, batch)
        loss.backward()
        assert terms <= {name.removeprefix("distill_") for name in parts}
        found.append((float(loss), student.backbone.stem.conv.weight.grad))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4)
    assert found[1][1].norm() > 0
    assert (found[0][1] - found[1][1]).norm() <= 1e-3 * found[1][1].norm()


def test_a_transformer_teaches_no_predictions(tmp_path: Path) -> None:
    model = create_model("transformer", layers=1)
    path = tmp_path / "t.safetensors"
    save_weights(path, model.state_dict(), describe(model, img_size="32x32"))
    config = DistillConfig(teacher_ckpt=path)
    teachers = load_teachers(config, (32, 32), "opencv_inter_nearest")
    assert teachers is not None
    with pytest.raises(UserError, match="mean different things"):
        Distillation(
            UltraTinyOD(LITTLE), teachers, config, (32, 32), "opencv_inter_nearest", 1, torch.device("cpu")
        )  # fmt: skip
