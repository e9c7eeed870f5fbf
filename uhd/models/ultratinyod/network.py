"""UltraTinyOD: a one-scale anchor detector for 64x64 images (PINTO0309/UHD)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from uhd.errors import UserError
from uhd.heads import HeadLayout
from uhd.models.layers import Blocks
from uhd.models.network import AnchorNetwork, check_size
from uhd.models.ultratinyod.backbone import build_backbone
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.head import Head
from uhd.models.ultratinyod.layout import layout_of


class UltraTinyOD(AnchorNetwork):
    """Map images (B, in_channels, H, W) in [0, 1] to the raw map (B, A * no, H / stride, W / stride).

    Channel ``a * no + j`` holds, for anchor a, ``tx, ty, tw, th, obj, (quality), class 0, ...``. With attributes there
    is a second map (B, A * num_attributes, H / stride, W / stride).
    """

    arch, tag = "ultratinyod", "utod"

    def __init__(self, config: UltraTinyODConfig) -> None:
        super().__init__()
        anchors = config.anchor_sizes
        self.config = dataclasses.replace(config, anchors=anchors, num_anchors=len(anchors))
        blocks = Blocks(config.activation, config.use_batchnorm, config.utod_conv)
        self.backbone = build_backbone(self.config, blocks)
        self.head = Head(self.config, blocks, torch.tensor(anchors, dtype=torch.float32))
        if config.num_attributes:
            self.output_names = ("raw", "attr")
        initialise(self)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return the raw map (B, A * no, h, w), with attributes also (B, A * attributes, h, w); see the class."""
        maps = self.head(self.backbone(self.check_input(images)))
        return (assemble_raw(maps), maps["attr"]) if "attr" in maps else assemble_raw(maps)

    def check_input(self, images: Tensor) -> Tensor:
        """Return ``images`` (B, C, H, W); raise UserError when H or W is not divisible by the stride."""
        h, w = int(images.shape[-2]), int(images.shape[-1])
        check_size((h, w), self.config.stride)
        return images

    def answers(self) -> list[nn.Module]:
        """Return the last layers of all branches."""
        return [module for name, module in self.head.named_children() if "_out" in name]

    def scales(self) -> list[nn.Parameter]:
        """Return the factor on the anchors, where it is trained."""
        return [self.head.wh_scale] if isinstance(self.head.wh_scale, nn.Parameter) else []

    @property
    def anchors(self) -> Tensor:
        """Width and height of the anchors (A, 2), normalised."""
        return self.head.anchors

    @property
    def wh_scale(self) -> Tensor:
        """Factor on the anchors (A, 2); trained with the improved head."""
        return self.head.wh_scale

    def set_anchors(self, anchors: Sequence[tuple[float, float]] | np.ndarray) -> None:
        """Replace the anchors (same count) in place."""
        values = tuple((float(w), float(h)) for w, h in anchors)
        if len(values) != self.config.num_anchors:
            raise UserError(f"the model has {self.config.num_anchors} anchors, not {len(values)}")
        self.head.anchors.copy_(torch.tensor(values, dtype=torch.float32))
        self.config = dataclasses.replace(self.config, anchors=values)

    def layout(self) -> HeadLayout:
        """Return what :func:`uhd.heads.decode` needs to read the raw map, as NumPy arrays."""
        anchors, scale = (each.detach().cpu().numpy() for each in (self.head.anchors, self.head.wh_scale))
        return layout_of(self.config, anchors, scale)


def assemble_raw(maps: dict[str, Tensor]) -> Tensor:
    """Interleave the prediction maps per anchor into (B, A * no, h, w)."""
    b, a, h, w = maps["obj"].shape
    parts = [maps["box"].view(b, a, 4, h, w), maps["obj"].unsqueeze(2)]
    if "quality" in maps:
        parts.append(maps["quality"].unsqueeze(2))
    if "cls" in maps:
        parts.append(maps["cls"].view(b, a, maps["cls"].shape[1] // a, h, w))
    return torch.cat(parts, 2).reshape(b, a * sum(each.shape[2] for each in parts), h, w)


def initialise(model: UltraTinyOD) -> None:
    """Initialise as the original: Kaiming fan-out everywhere, prior probability 0.01 for objectness and class."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for out in (model.head.obj_out, model.head.cls_out, model.head.attr_out):
        if out is not None and out.bias is not None:
            nn.init.constant_(out.bias, math.log(0.01 / 0.99))
