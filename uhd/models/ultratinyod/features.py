"""What every head of an UltraTinyOD begins with: context around each cell, a coarser look, channel attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.models.layers import Blocks, EffectiveSE, ReceptiveField, activation
from uhd.models.ultratinyod.config import UltraTinyODConfig


class HeadFeatures(nn.Module):
    """Maps (B, C, h, w) to (B, C, h, w). A head inherits it, so that weights keep the original's names."""

    variant: int

    def build_context(self, config: UltraTinyODConfig, blocks: Blocks, c: int) -> None:
        """Add the layers around each cell, C channels."""
        self.context = blocks.dw(c, c)
        self.context_res = (
            nn.Sequential(blocks.dw(c, c), blocks.cba(c, c), blocks.dw(c, c)) if config.use_improved_head else None
        )
        self.head_rfb = ReceptiveField(blocks, c, config.utod_context_dilation) if config.utod_context_rfb else None
        self.head_se = EffectiveSE(c) if config.utod_head_ese else None

    def build_large_objects(self, config: UltraTinyODConfig, blocks: Blocks, c: int) -> None:
        """Add the half-resolution branch, where the configuration has it."""
        self.large_obj_blocks: nn.Module | None = None
        if not config.utod_large_obj_branch:
            return
        large = round(c * max(0.25, config.utod_large_obj_ch_scale))
        self.large_obj_down = nn.Sequential(
            blocks.spatial(c, 3, 2), blocks.norm(c), activation(blocks.act), blocks.cba(c, large)
        )
        self.large_obj_blocks = nn.Sequential(*(blocks.dw(large, large) for _ in range(config.utod_large_obj_depth)))
        self.large_obj_fuse = blocks.cba(large, c)
        if self.variant in (5, 6):
            self.large_obj_gate_raw = nn.Parameter(torch.zeros(1))

    def features(self, x: Tensor) -> Tensor:
        """Return the shared features (B, C, h, w) that every branch reads."""
        x = self.context(x)
        if self.context_res is not None:
            x = x + self.context_res(x)
        if self.head_rfb is not None:
            x = self.head_rfb(x)
        if self.large_obj_blocks is not None:
            large = self.large_obj_blocks(self.large_obj_down(x))
            large = self.large_obj_fuse(F.interpolate(large, size=x.shape[-2:], mode="nearest"))
            x = x + (large * torch.sigmoid(self.large_obj_gate_raw) if self.variant in (5, 6) else large)
        return x if self.head_se is None else self.head_se(x)
