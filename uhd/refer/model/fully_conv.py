"""The transformer ``fully_conv``: convolutions over the maps, over the nodes of a person, and over the candidates.

Blocks of ConvNeXt (https://arxiv.org/abs/2201.03545) and a feature pyramid (https://arxiv.org/abs/1612.03144), which
in HuMAR was made anew, with other random weights, at every call.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.backbones.blocks import MapNorm, extent_mask
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.decoder import Look, NodeLayer
from uhd.refer.model.layers import Mlp, twice
from uhd.refer.model.transformer import Transformer
from uhd.refer.model.valid import Valid, cut
from uhd.refer.model.view import View


class ConvNeXtBlock(nn.Module):
    """7x7 depthwise, layer-norm, and an MLP of three times the width, beside a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial, self.norm = nn.Conv2d(width, width, 7, 1, 3, groups=width), MapNorm(width)
        self.first, self.last = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(3 * width, width, 1)

    def forward(self, x: Tensor, valid: Valid | None) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        y = self.norm(self.spatial(cut(x, valid)))
        done: Tensor = x + self.last(F.gelu(self.first(y)))
        return done


class Encoder(nn.Module):
    """Blocks whose weights the levels share, the mean of the whole picture, then from coarse to fine."""

    def __init__(self, channels: tuple[int, ...], width: int, layers: int) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.blocks = nn.ModuleList(ConvNeXtBlock(width) for _ in range(layers))
        self.whole = nn.Linear(width, width)
        self.lateral = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1, groups=width) for _ in channels)
        self.norm = MapNorm(width)

    def forward(self, maps: list[Tensor], valid: Valid | None = None) -> list[Tensor]:
        """Return the three maps (B, D, h, w), from fine to coarse, with zeros beyond each picture."""
        levels = [layer(x) for layer, x in zip(self.inputs, maps, strict=True)]
        for i, x in enumerate(levels):
            for block in self.blocks:
                x = block(x, valid)
            mask = extent_mask(x, valid)
            mean = (x * mask).sum((2, 3)) / mask.sum((2, 3)).clamp(min=1)
            levels[i] = self.lateral[i](x + self.whole(mean)[:, :, None, None])
        for i in (1, 0):
            height, width = levels[i].shape[-2:]
            levels[i] = levels[i] + twice(levels[i + 1])[:, :, :height, :width]
        smooth = [x + layer(cut(x, valid)) for x, layer in zip(levels, self.smooth, strict=True)]
        return [cut(self.norm(x), valid) for x in smooth]


class DecoderLayer(NodeLayer):
    """Nodes look where they are; convolutions along the 18 nodes, and along the candidates from likely to unlikely."""

    def __init__(self, width: int, seen: int) -> None:
        super().__init__(width)
        self.look = Look(width, seen)
        self.first, self.last = nn.Conv1d(width, 2 * width, 3, 1, 1), nn.Conv1d(2 * width, width, 3, 1, 1)
        self.others, self.mix = nn.Conv1d(width, width, 5, 1, 2, groups=width), nn.Conv1d(width, width, 1)
        self.mlp = Mlp(width, 2 * width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def change(self, nodes: Tensor, view: View) -> Tensor:
        """Return the nodes (B, Q, 18, D) afterwards."""
        x = (nodes + self.look(view)).flatten(0, 1)
        y = self.norms[0](x).transpose(1, 2)
        x = x + self.last(F.gelu(self.first(y))).transpose(1, 2)
        x = (x + self.mlp(x)).unflatten(0, nodes.shape[:2])
        person = (self.norms[1](x[:, :, 0]) * view.person.sigmoid()[..., None]).transpose(1, 2)
        told = x[:, :, 0] + self.mix(self.others(person)).transpose(1, 2)
        return torch.cat([told[:, :, None], x[:, :, 1:]], 2)


class FullyConv(Transformer):
    """The one of convolutions; see the file."""

    def __init__(self, config: ReferModelConfig, channels: tuple[int, ...]) -> None:
        width = config.hidden_dim
        seen = config.mask_channels + 3 * width
        encoder = Encoder(channels[1:], width, config.enc_layers)
        super().__init__(config, channels, encoder, lambda: DecoderLayer(width, seen), 3)
