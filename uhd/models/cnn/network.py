"""cnn: a plain trunk or a backbone with CenterNet heads or an anchor head (PINTO0309/UHD)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from uhd.anchors import DEFAULT_ANCHORS
from uhd.errors import UserError
from uhd.heads import CenterNetLayout, HeadLayout, resolve_score_mode
from uhd.models.cnn.config import CNNConfig
from uhd.models.cnn.trunk import TrunkNetwork
from uhd.models.network import AnchorNetwork, Kind

HEAT_PRIOR = 0.1  # "Objects as Points", after Law and Deng, CornerNet, 2018
OBJECT_PRIOR = 0.01  # Lin et al., focal loss, 2017


class CenterNetCNN(TrunkNetwork):
    """People as points (Zhou et al., "Objects as Points", 2019).

    Maps images (B, in_channels, H, W) in [0, 1] to three maps of (H / stride, W / stride): the heat map
    (B, num_classes) in [0, 1], the offset of the centre in its cell (B, 2: x, y), and the size in cells (B, 2: w, h).

    Paper: https://arxiv.org/abs/1904.07850
    """

    kind: Kind = "centernet"
    output_names = ("hm", "off", "wh")

    def __init__(self, config: CNNConfig) -> None:
        super().__init__(config)
        self.head_hm = nn.Conv2d(self.channels, config.num_classes, 1)
        self.head_off = nn.Conv2d(self.channels, 2, 1)
        self.head_wh = nn.Conv2d(self.channels, 2, 1)
        _set_prior(self.head_hm, slice(None), HEAT_PRIOR)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return heat map (B, C, h, w), 0 to 1, offset (B, 2, h, w) and size (B, 2, h, w); see the class."""
        x = self.features(images)
        # Half precision cannot tell 0.9996 from 1, and the loss takes the logarithm of the difference.
        return torch.sigmoid(self.head_hm(x).float()), self.head_off(x), self.head_wh(x)

    def answers(self) -> list[nn.Module]:
        """Return the last layers."""
        return [self.head_hm, self.head_off, self.head_wh]

    def layout(self) -> CenterNetLayout:
        """Return how the three maps are read."""
        return CenterNetLayout(self.config.topk, self.config.heatmap_peaks)


class AnchorCNN(TrunkNetwork, AnchorNetwork):
    """The same trunk with one anchor head: images (B, in_channels, H, W) to (B, A * (5 + num_classes), h, w).

    Channel ``a * no + j`` holds, for anchor a, ``tx, ty, tw, th, obj, class 0, ...``.
    """

    def __init__(self, config: CNNConfig) -> None:
        super().__init__(config)
        anchors = config.anchors or tuple(DEFAULT_ANCHORS[i % len(DEFAULT_ANCHORS)] for i in range(config.num_anchors))
        self.config = dataclasses.replace(self.config, anchors=anchors, num_anchors=len(anchors))
        # The original's checkpoints call it ``anchors``, which register_buffer refuses beside a property of that name.
        self._buffers["anchors"] = torch.tensor(anchors, dtype=torch.float32)
        self.head = nn.Conv2d(self.channels, len(anchors) * (5 + config.num_classes), 1)
        for anchor in range(len(anchors)):
            first = anchor * (5 + config.num_classes) + 4
            _set_prior(self.head, slice(first, first + 1 + config.num_classes), OBJECT_PRIOR)

    def forward(self, images: Tensor) -> Tensor:
        """Return the raw map (B, A * no, h, w); see the class for its channels."""
        raw: Tensor = self.head(self.features(images))
        return raw

    def answers(self) -> list[nn.Module]:
        """Return the last layer."""
        return [self.head]

    @property
    def anchors(self) -> Tensor:
        """Width and height of the anchors (A, 2), normalised."""
        anchors = self._buffers["anchors"]
        assert anchors is not None
        return anchors

    def set_anchors(self, anchors: Sequence[tuple[float, float]] | NDArray[np.float32]) -> None:
        """Replace the anchors (A, 2), normalised, in place.

        Raises:
            UserError: another count.
        """
        values = tuple((float(w), float(h)) for w, h in anchors)
        if len(values) != self.config.num_anchors:
            raise UserError(f"the model has {self.config.num_anchors} anchors, not {len(values)}")
        self.anchors.copy_(torch.tensor(values, dtype=torch.float32))
        self.config = dataclasses.replace(self.config, anchors=values)

    def layout(self) -> HeadLayout:
        """Return what :func:`uhd.heads.decode` needs to read the raw map, as NumPy arrays."""
        classes = self.config.num_classes
        anchors = self.anchors.detach().cpu().numpy().astype(np.float32)
        return HeadLayout(
            anchors, np.ones_like(anchors), classes, False, resolve_score_mode(None, False, False, classes)
        )


def build_cnn(config: CNNConfig) -> CenterNetCNN | AnchorCNN:
    """Return the network that a configuration describes, with fresh weights.

    Raises:
        UserError: options contradict each other.
    """
    return AnchorCNN(config) if config.use_anchor else CenterNetCNN(config)


def _set_prior(head: nn.Conv2d, channels: slice, probability: float) -> None:
    """Let outputs start at a probability: few cells hold a person, and the others would drown the first steps."""
    assert head.bias is not None
    nn.init.constant_(head.bias[channels], math.log(probability / (1 - probability)))
