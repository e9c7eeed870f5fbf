"""A head that the package does not have: every cell says score and box itself. This file is all there is to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from uhd.assigners.targets import Targets
from uhd.export.onnx.candidates import Axes, Candidates, grid_of
from uhd.export.onnx.graphs import Maps
from uhd.export.onnx.heads import GraphHead
from uhd.losses.config import LossConfig
from uhd.models.network import DetectorNetwork

KIND = "toy"


@dataclass(frozen=True)
class ToyLayout:
    """One map (B, 5, h, w): logits of the score, then of cx, cy, w, h, all shares of the image."""

    kind: ClassVar[str] = KIND
    outputs: ClassVar[tuple[str, ...]] = ("toy",)
    every_class: ClassVar[bool] = False

    def predictions(self, raw: tuple[np.ndarray, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
        values = 1 / (1 + np.exp(-raw[0].reshape(len(raw[0]), 5, -1).transpose(0, 2, 1)))
        half = values[..., 3:] / 2
        boxes = np.concatenate([values[..., 1:3] - half, values[..., 1:3] + half], -1)
        return list(zip(boxes, values[..., :1], strict=True))

    def to_metadata(self) -> dict[str, str]:
        return {}

    @classmethod
    def from_metadata(cls, table: Mapping[str, str]) -> ToyLayout:
        del table
        return cls()


class ToyGraph(GraphHead):
    def candidates(self, network: DetectorNetwork, maps: Maps, axes: Axes) -> Candidates:
        del network
        values = torch.sigmoid(axes.spread(maps["toy"], 1, 5))
        return Candidates(values[:, :, 1:3], values[:, :, 3:], None, values[:, :, :1], None, grid_of(maps["toy"]))

    def score(self, network: DetectorNetwork) -> str:
        del network
        return "sigmoid(toy[0])"


def objective(network: DetectorNetwork, config: LossConfig, roles: object) -> Any:
    del network, config, roles

    def loss(raw: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        values = torch.sigmoid(raw.flatten(2))
        image, box = targets.people.image, targets.people.boxes
        wanted = torch.cat([(box[:, :2] + box[:, 2:]) / 2, box[:, 2:] - box[:, :2]], 1)
        total = (values[image, 1:] - wanted[:, :, None]).square().mean() + (values[image, 0] - 1).square().mean()
        return total, {"loss": total.detach()}

    return loss


@dataclass(frozen=True)
class ToyConfig:
    in_channels: int = 3
    num_classes: int = 1
    stride: int = 8
    names: tuple[str, ...] = field(default=())


class ToyNetwork(DetectorNetwork):
    arch = tag = KIND
    kind = KIND
    output_names = ("toy",)

    def __init__(self) -> None:
        super().__init__()
        self.config = ToyConfig()
        self.only = nn.Conv2d(3, 5, 8, 8)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.only(images)
        return found

    def layout(self) -> ToyLayout:
        return ToyLayout()


# One line for each dict.
LAYOUT, GRAPH, OBJECTIVE = ToyLayout, ToyGraph(), objective
