"""The UltraTinyOD head: shared context, then box, quality, objectness and class branches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uhd.models.layers import Blocks, LowRankBlock
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.features import HeadFeatures


class Head(HeadFeatures):
    """Turn the feature map (B, C, h, w) into named prediction maps.

    ``box`` (B, 4A, h, w) is anchor-major ``tx, ty, tw, th``; ``obj`` and ``quality`` are (B, A, h, w); ``cls`` is
    (B, A * classes, h, w); ``attr`` (B, A * attributes, h, w). All are logits.
    """

    wh_scale: Tensor
    anchors: Tensor

    def __init__(self, config: UltraTinyODConfig, blocks: Blocks, anchors: Tensor) -> None:
        super().__init__()
        self.variant = config.utod_quant_arch
        c, a = 4 * config.cnn_width, len(anchors)
        if config.use_improved_head:
            self.wh_scale = nn.Parameter(torch.ones(a, 2))
            self.register_buffer("anchors", anchors)
        else:
            self.register_buffer("anchors", anchors)
            self.register_buffer("wh_scale", torch.ones(a, 2))
        # In this order: a seed draws the weights of one after those of the other.
        self.build_context(config, blocks, c)
        self.build_large_objects(config, blocks, c)
        self._build_box(blocks, c, a, towers=config.use_iou_aware_head)
        self._build_quality(config, blocks, c, a)
        self.obj_conv = blocks.dw(c, c)
        self.obj_out = nn.Conv2d(c, a, 1)
        self._build_classes(config, blocks, c, a)

    def _build_box(self, blocks: Blocks, c: int, a: int, towers: bool) -> None:
        self.box_tower: nn.Sequential | None = None
        if towers:
            second = LowRankBlock(blocks, c) if self.variant in (2, 8) else blocks.dw(c, c)
            self.box_tower = nn.Sequential(blocks.dw(c, c), second)
            if self.variant in (1, 6, 7, 11):
                self.box_tower_res_alpha_raw = nn.Parameter(torch.zeros(1))
            if self.variant == 9:
                self.box_tower_res1_alpha_raw = nn.Parameter(torch.zeros(1))
                self.box_tower_res2_alpha_raw = nn.Parameter(torch.zeros(1))
        else:
            self.box_conv = blocks.dw(c, c)
        self.box_out = None if self.variant in (3, 7, 8) else nn.Conv2d(c, 4 * a, 1)
        if self.box_out is None:
            self.box_out_xy, self.box_out_wh = nn.Conv2d(c, 2 * a, 1), nn.Conv2d(c, 2 * a, 1)

    def _build_quality(self, config: UltraTinyODConfig, blocks: Blocks, c: int, a: int) -> None:
        self.quality_out: nn.Conv2d | None = None
        if not config.has_quality:
            return
        if config.use_iou_aware_head:
            self.quality_tower = nn.Sequential(blocks.dw(c, c), blocks.dw(c, c))
        else:
            self.quality_conv = blocks.dw(c, c)
        self.quality_out = nn.Conv2d(c, a, 1)

    def _build_classes(self, config: UltraTinyODConfig, blocks: Blocks, c: int, a: int) -> None:
        classes, attributes = config.class_channels, config.num_attributes
        middle = max(8, min(c, round(config.cls_bottleneck_ratio * c)))
        if (classes or attributes) and config.use_iou_aware_head:
            self.cls_tower = nn.Sequential(blocks.cba(c, middle), blocks.dw(middle, middle), blocks.dw(middle, middle))
        elif classes or attributes:
            self.cls_reduce = blocks.cba(c, middle)
            self.cls_conv = blocks.dw(middle, middle)
        self.cls_out = nn.Conv2d(middle, a * classes, 1) if classes else None
        self.attr_out = nn.Conv2d(middle, a * attributes, 1) if attributes else None

    def box(self, x: Tensor) -> Tensor:
        """Return the box logits (B, 4A, h, w)."""
        t: Tensor
        if self.box_tower is None:
            t = self.box_conv(x)
        elif self.variant == 9:
            t = x + torch.sigmoid(self.box_tower_res1_alpha_raw) * self.box_tower[0](x)
            t = t + torch.sigmoid(self.box_tower_res2_alpha_raw) * self.box_tower[1](t)
        elif self.variant in (1, 6, 7, 11):
            first = self.box_tower[0](x)
            t = first + torch.sigmoid(self.box_tower_res_alpha_raw) * self.box_tower[1](first)
        else:
            t = self.box_tower(x)
        if self.variant == 4:
            t = t.clamp(0, 6)
        if self.box_out is not None:
            out: Tensor = self.box_out(t)
            return out
        b, _, h, w = t.shape
        xy, wh = self.box_out_xy(t).view(b, -1, 2, h, w), self.box_out_wh(t).view(b, -1, 2, h, w)
        return torch.cat([xy, wh], 2).view(b, -1, h, w)

    def quality(self, x: Tensor) -> Tensor | None:
        """Return the quality logits (B, A, h, w), or None without that branch."""
        if self.quality_out is None:
            return None
        out: Tensor = self.quality_out(self.quality_tower(x) if self.box_tower is not None else self.quality_conv(x))
        return out

    def obj(self, x: Tensor) -> Tensor:
        """Return the objectness logits (B, A, h, w)."""
        out: Tensor = self.obj_out(self.obj_conv(x))
        return out

    def class_features(self, x: Tensor) -> Tensor:
        """Return the features (B, M, h, w) of the class and attribute outputs."""
        y: Tensor = self.cls_tower(x) if self.box_tower is not None else self.cls_conv(self.cls_reduce(x))
        return y

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the prediction maps by name; a branch that does not exist is absent."""
        x = self.features(x)
        maps = {"box": self.box(x), "obj": self.obj(x)}
        if (quality := self.quality(x)) is not None:
            maps["quality"] = quality
        if self.cls_out is not None or self.attr_out is not None:
            y = self.class_features(x)
            if self.cls_out is not None:
                maps["cls"] = self.cls_out(y)
            if self.attr_out is not None:
                maps["attr"] = self.attr_out(y)
        return maps
