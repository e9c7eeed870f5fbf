"""The transformer ``efficient``: attention whose cost grows with the cells, not with their square.

Linear attention (https://arxiv.org/abs/2006.16236) with its normaliser; nodes read the maps at their own place, where
HuMAR's attended to every cell without knowing where it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.backbones.blocks import SelfAttention, cells_of, extent_mask, tokens_of
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.decoder import Look, NodeLayer
from uhd.refer.model.layers import Mlp
from uhd.refer.model.places_code import cell_centres, place_code
from uhd.refer.model.transformer import Transformer
from uhd.refer.model.valid import Valid, cut
from uhd.refer.model.view import View

_HEADS, _STRIDES = 4, (8, 16, 32)


class LinearAttention(nn.Module):
    """Attention as a product of sums: every query asks one summary of all tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """Map tokens (N, K, D) to the same shape; ``weight`` (N, K) says how much each counts, 0 to 1."""
        query, key, value = (part.unflatten(-1, (_HEADS, -1)).transpose(1, 2) for part in self.mixed(x).chunk(3, -1))
        query, key = F.elu(query) + 1, (F.elu(key) + 1) * weight[:, None, :, None]
        summary, total = key.transpose(-1, -2) @ value, key.sum(2, keepdim=True).transpose(-1, -2)
        found = (query @ summary) / (query @ total).clamp(min=1e-6)
        done: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return done


class Encoder(nn.Module):
    """Linear attention over the cells of all maps."""

    def __init__(self, channels: tuple[int, ...], width: int, layers: int) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.levels = nn.Parameter(torch.randn(len(channels), width) * 0.1)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.attention = nn.ModuleList(LinearAttention(width) for _ in range(layers))
        self.mlps = nn.ModuleList(Mlp(width, 2 * width, width) for _ in range(layers))
        self.last = nn.LayerNorm(width)

    def forward(self, maps: list[Tensor], valid: Valid | None = None) -> list[Tensor]:
        """Return the three maps (B, D, h, w), from fine to coarse, with zeros beyond each picture."""
        levels = [layer(x) for layer, x in zip(self.inputs, maps, strict=True)]
        width = levels[0].shape[1]
        codes = [place_code(cell_centres(x, s), width) for x, s in zip(levels, _STRIDES, strict=True)]
        x = torch.cat(
            [tokens_of(c) + p + self.levels[i] for i, (c, p) in enumerate(zip(levels, codes, strict=True))], 1
        )
        weight = torch.cat([extent_mask(c, valid).flatten(1) for c in levels], 1)
        for norm, attention, mlp in zip(self.norms, self.attention, self.mlps, strict=True):
            x = x + attention(norm(x), weight)
            x = x + mlp(x)
        shapes = [(int(c.shape[2]), int(c.shape[3])) for c in levels]
        parts = self.last(x).split([h * w for h, w in shapes], 1)
        return [cut(cells_of(part, shape), valid) for part, shape in zip(parts, shapes, strict=True)]


class DecoderLayer(NodeLayer):
    """Nodes look where they are, know each other within a candidate, and candidates know each other."""

    def __init__(self, width: int, seen: int) -> None:
        super().__init__(width)
        self.look = Look(width, seen)
        self.inside, self.others = SelfAttention(width, _HEADS), LinearAttention(width)
        self.mlp = Mlp(width, 2 * width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def change(self, nodes: Tensor, view: View) -> Tensor:
        """Return the nodes (B, Q, 18, D) afterwards."""
        x = (nodes + self.look(view)).flatten(0, 1)
        y = self.norms[0](x)
        x = x + self.inside(y, y)
        x = (x + self.mlp(x)).unflatten(0, nodes.shape[:2])
        told = x[:, :, 0] + self.others(self.norms[1](x[:, :, 0]), view.person.sigmoid())
        return torch.cat([told[:, :, None], x[:, :, 1:]], 2)


class Efficient(Transformer):
    """The one of linear attention; see the file."""

    def __init__(self, config: ReferModelConfig, channels: tuple[int, ...]) -> None:
        width = config.hidden_dim
        seen = config.mask_channels + 3 * width
        encoder = Encoder(channels[1:], width, config.enc_layers)
        super().__init__(config, channels, encoder, lambda: DecoderLayer(width, seen), 3)
