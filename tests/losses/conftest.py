"""Golden numbers of the original's loss and the closed formula of their inputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from uhd.assigners.targets import Targets

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """Losses and gradients of the original."""
    return json.loads((Path(__file__).parent.parent / "golden" / "anchor_loss.json").read_text())


def hashed(shape: tuple[int, ...], index: int, scale: float) -> Tensor:
    """Return scale * (2 hash01(n, index) - 1), the murmur3 finaliser on 32 bits."""
    n = np.arange(np.prod(shape), dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    x = ((n + np.uint64(1)) * np.uint64(2654435761) + np.uint64((index + 1) * 2654404609)) & mask
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x85EBCA6B)) & mask
    x ^= x >> np.uint64(13)
    x = (x * np.uint64(0xC2B2AE35)) & mask
    x ^= x >> np.uint64(16)
    values = (2 * (x.astype(np.float64) / 2**32) - 1) * scale
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def to_xyxy(boxes: Any) -> Tensor:
    """Convert centre-size boxes to corners."""
    boxes = torch.as_tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)


def targets_of(images: list[dict[str, Any]]) -> Targets:
    """Pad golden targets."""
    most = max(len(image["labels"]) for image in images)
    boxes, labels = torch.zeros(len(images), most, 4), torch.full((len(images), most), -1)
    for i, image in enumerate(images):
        count = len(image["labels"])
        boxes[i, :count] = to_xyxy(image["boxes"])
        labels[i, :count] = torch.tensor(image["labels"])
    return Targets(boxes, labels, torch.zeros(len(images), 0, 4))


@pytest.fixture(scope="session")
def harr() -> Callable[[tuple[int, ...], int, float], Tensor]:
    """The closed formula."""
    return hashed


@pytest.fixture(scope="session")
def padded() -> Callable[[list[dict[str, Any]]], Targets]:
    """Golden targets as tensors."""
    return targets_of


@pytest.fixture(scope="session")
def corners() -> Callable[[Any], Tensor]:
    """Centre-size boxes as corners."""
    return to_xyxy
