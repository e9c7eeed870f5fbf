"""A student and its teacher, small, and what a step of theirs costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uhd.data.batch import Batch
from uhd.detect.distill import Distillation
from uhd.detect.teacher import Teachers
from uhd.losses.distillation.config import DistillConfig
from uhd.models import create_model
from uhd.models.network import DetectorNetwork
from uhd.models.weights import describe, save_weights
from uhd.resize import to_network

SIZE, MODE, CPU = (32, 32), "opencv_inter_nearest", torch.device("cpu")
ANCHORS = ((0.1, 0.2), (0.3, 0.5), (0.6, 0.8))
EVERYTHING = {f"distill_{name}": 1.0 for name in ("kl", "box_l1", "obj", "quality", "feat")}


def network(width: int = 4, seed: int = 0, **config: Any) -> Any:
    """Return a tiny UltraTinyOD."""
    torch.manual_seed(seed)
    return create_model(**({"cnn_width": width, "anchors": ANCHORS, "num_anchors": len(ANCHORS)} | config))


def distil(
    student: Any, teacher: DetectorNetwork, size: tuple[int, int] = SIZE, epochs: int = 4, **settings: Any
) -> Distillation:
    """Return what the teacher, who sees images of ``size``, adds to the loss."""
    config = DistillConfig(teacher_ckpt=Path("teacher.safetensors"), **settings)
    return Distillation(student, Teachers(teacher, None, size, MODE), config, SIZE, MODE, epochs, CPU)


def batch(second: Any = None) -> Batch:
    """Return two images without objects, and what the teacher sees of them."""
    images = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    nothing = np.zeros((2, 1, 4), np.float32)
    return Batch(images, nothing, np.full((2, 1), -1), nothing, ("a", "b"), second)


def loss(distillation: Distillation, student: Any, given: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what the teacher adds for a batch, and its parts."""
    with distillation.watching() as features:
        raw = student(torch.from_numpy(to_network(given.images, MODE)))
    return distillation(raw, features, given)


def saved(path: Path, model: DetectorNetwork, **meta: Any) -> Path:
    """Write a teacher's file."""
    save_weights(path, model.state_dict(), describe(model, img_size="32x32", resize_mode=MODE) | meta)
    return path
