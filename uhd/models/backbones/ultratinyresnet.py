"""UltraTinyResNet: residual stages, each at half the size of the one before, with optional long skips and pyramid."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.models.backbones.layers import shuffle_channels
from uhd.models.layers import Blocks

ORIGINAL_PYRAMID = "fpn_convs."  # what the original calls the laterals, in the same order


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, both with norm and activation, added to the input (after He et al., 2016).

    Paper: https://arxiv.org/abs/1512.03385
    """

    def __init__(self, blocks: Blocks, channels: int) -> None:
        super().__init__()
        self.conv1 = blocks.cba(channels, channels, 3)
        self.conv2 = blocks.cba(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        y: Tensor = self.conv2(self.conv1(x))
        return x + y


class UltraTinyResNet(nn.Module):
    """Map (B, in_channels, H, W) to (B, channels[-1], H / stride, W / stride).

    The original also creates a skip projection for the last stage and never uses it; here it
    does not exist, and loading drops it from the original's checkpoints. Its pyramid starts at the last stage and not
    at what the skips made of it, so with a pyramid its skips reach nothing: such a checkpoint is a network without
    them, and loading drops their weights.

    Args:
        blocks: maker of layers.
        in_channels: of the image.
        widths: channels of the stages.
        counts: residual blocks of the stages.
        skip: ``add``, ``cat``, ``shuffle_cat``, ``s2d_cat`` or None: how early stages reach the output.
        pyramid: add the stages from last to first, then go back to the size of the last.
        stride: of the output; more than the stages have is made by further strided convolutions.
    """

    def __init__(
        self,
        blocks: Blocks,
        in_channels: int,
        widths: tuple[int, ...],
        counts: tuple[int, ...],
        skip: str | None,
        pyramid: bool,
        stride: int,
    ) -> None:
        super().__init__()
        self.channels, self.stride, self.skip = widths[-1], stride, skip
        last = len(widths) - 1
        out = widths[last]
        self.stem = blocks.cba(in_channels, widths[0], 3)
        # Stage 0 has the stem instead; the names in checkpoints start at 1.
        self.downs = nn.ModuleDict({str(i): blocks.cba(widths[i - 1], widths[i], 3, 2) for i in range(1, last + 1)})
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(blocks, width) for _ in range(count)))
            for width, count in zip(widths, counts, strict=True)
        )
        # How many cells of stage i one cell of the last stage covers, along each axis.
        self.ratios = tuple(2 ** (last - i) for i in range(last))
        early = tuple(zip(widths[:-1], self.ratios, strict=True))
        self.skip_proj = nn.ModuleList()
        if skip in ("add", "cat"):
            self.skip_proj.extend(blocks.cba(width, out) for width, _ in early)
        elif skip == "shuffle_cat":
            self.skip_proj.extend(blocks.cba(width, out, 3, ratio) for width, ratio in early)
        elif skip == "s2d_cat":
            self.skip_proj.extend(blocks.cba(width * ratio**2, out) for width, ratio in early)
        concatenates = skip not in (None, "add")
        self.skip_concat_reduce = blocks.cba(len(widths) * out, out) if concatenates else None
        self.fpn_laterals = nn.ModuleList(blocks.cba(width, out) for width, _ in early) if pyramid else None
        extra = (stride // 2**last).bit_length() - 1
        self.extra_downs = nn.ModuleList(blocks.cba(out, out, 3, 2) for _ in range(extra))
        self.register_load_state_dict_pre_hook(_take_from_original)  # type: ignore[no-untyped-call]

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to the feature map (B, C, h, w)."""
        x: Tensor = self.blocks[0](self.stem(images))
        stages = [x]
        for i, down in self.downs.items():
            x = self.blocks[int(i)](down(x))
            stages.append(x)
        if self.skip is not None:
            x = self._add_skips(x, stages[:-1])
        if self.fpn_laterals is not None:
            x = self._add_pyramid(x, stages[:-1])
        for down in self.extra_downs:
            x = down(x)
        return x

    def _add_skips(self, x: Tensor, early: list[Tensor]) -> Tensor:
        skips = [self._project(i, stage) for i, stage in enumerate(early)]
        if self.skip_concat_reduce is None:
            return torch.stack([x, *skips]).sum(0)
        y: Tensor = self.skip_concat_reduce(torch.cat([x, *skips], 1))
        return y

    def _project(self, i: int, x: Tensor) -> Tensor:
        project, ratio = self.skip_proj[i], self.ratios[i]
        y: Tensor
        if self.skip == "shuffle_cat":
            y = shuffle_channels(project(x))
        elif self.skip == "s2d_cat":
            y = project(F.pixel_unshuffle(x, ratio))
        else:
            y = project(F.avg_pool2d(x, ratio))
        return y

    def _add_pyramid(self, x: Tensor, early: list[Tensor]) -> Tensor:
        assert self.fpn_laterals is not None
        size = x.shape[-2:]
        for lateral, stage in zip(reversed(list(self.fpn_laterals)), reversed(early), strict=True):
            x = F.interpolate(x, stage.shape[-2:], mode="nearest") + lateral(stage)
        return F.interpolate(x, size, mode="nearest")


def _take_from_original(module: UltraTinyResNet, state: dict[str, Any], prefix: str, *_: Any) -> None:
    unused: tuple[str, ...] = (f"{prefix}skip_proj.{len(module.ratios)}.",)
    pyramid = [name for name in state if name.startswith(f"{prefix}{ORIGINAL_PYRAMID}")]
    for name in pyramid:
        state[f"{prefix}fpn_laterals.{name.removeprefix(f'{prefix}{ORIGINAL_PYRAMID}')}"] = state.pop(name)
    if pyramid and module.skip is None:
        unused = (f"{prefix}skip_proj.", f"{prefix}skip_concat_reduce.")
    for name in [name for name in state if name.startswith(unused)]:
        del state[name]
