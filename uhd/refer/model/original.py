"""The transformer ``original``: deformable attention, and a graph within each person.

After UniPHD (https://arxiv.org/abs/2410.20508) and GroupPose (https://arxiv.org/abs/2308.07313); prompts are read last.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.backbones.blocks import MapNorm, SelfAttention, cells_of, tokens_of
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.decoder import NODES, NodeLayer
from uhd.refer.model.deformable import HEADS, DeformableAttention
from uhd.refer.model.places_code import cell_centres, place_code
from uhd.refer.model.transformer import Transformer
from uhd.refer.model.valid import Valid, cut
from uhd.refer.model.view import View

_LEVELS, _FIRST_STRIDE = 4, 8


class FeedForward(nn.Sequential):
    """Two layers of eight times the width between."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, 8 * width), nn.ReLU(inplace=True), nn.Linear(8 * width, width))


class EncoderLayer(nn.Module):
    """Every cell looks at a few places of all maps, then an MLP; each with its short cut and layer-norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention, self.mlp = DeformableAttention(width, _LEVELS), FeedForward(width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def forward(self, maps: list[Tensor], code: Tensor, places: Tensor, size: tuple[int, int]) -> list[Tensor]:
        """Map maps (B, D, h, w), zero beyond pictures, to the same shapes; code and places (N, ...) of all cells."""
        x = torch.cat([tokens_of(cells) for cells in maps], 1)
        x = self.norms[0](x + self.attention(x + code, places.expand(len(x), -1, -1), maps, size))
        x = self.norms[1](x + self.mlp(x))
        shapes = [(int(cells.shape[2]), int(cells.shape[3])) for cells in maps]
        parts = x.split([h * w for h, w in shapes], 1)
        return [cells_of(part, shape) for part, shape in zip(parts, shapes, strict=True)]


class Encoder(nn.Module):
    """Map three maps to four of one width, that of stride 64 last."""

    def __init__(self, channels: tuple[int, ...], width: int, layers: int) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.farther = nn.Conv2d(channels[-1], width, 3, 2, 1)
        self.norms = nn.ModuleList(MapNorm(width) for _ in range(_LEVELS))
        self.levels = nn.Parameter(torch.randn(_LEVELS, width) * 0.1)
        self.layers = nn.ModuleList(EncoderLayer(width) for _ in range(layers))

    def forward(self, maps: list[Tensor], valid: Valid | None = None) -> list[Tensor]:
        """Return four maps (B, D, h, w), from fine to coarse, with zeros beyond each picture."""
        raw = [layer(x) for layer, x in zip(self.inputs, maps, strict=True)] + [self.farther(cut(maps[-1], valid))]
        levels = [cut(norm(x), valid) for norm, x in zip(self.norms, raw, strict=True)]
        size = (int(maps[0].shape[2]) * _FIRST_STRIDE, int(maps[0].shape[3]) * _FIRST_STRIDE)
        centres = [cell_centres(x, _FIRST_STRIDE * 2**i) for i, x in enumerate(levels)]
        codes = [place_code(c, levels[0].shape[1]) + self.levels[i] for i, c in enumerate(centres)]
        for layer in self.layers:
            levels = [cut(x, valid) for x in layer(levels, torch.cat(codes), torch.cat(centres), size)]
        return levels


class DecoderLayer(NodeLayer):
    """Candidates know each other, nodes look at the maps, and know each other within a candidate."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.others, self.inside = SelfAttention(width, HEADS), SelfAttention(width, HEADS)
        self.look, self.where = DeformableAttention(width, _LEVELS), nn.Linear(4, width)
        self.graph = nn.Parameter(torch.randn(HEADS, NODES, NODES) * 0.02)
        self.mlps = nn.ModuleList(FeedForward(width) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(5))

    def change(self, nodes: Tensor, view: View) -> Tensor:
        """Return the nodes (B, Q, 18, D) afterwards."""
        b, q, _, _ = nodes.shape
        same = nodes.transpose(1, 2).flatten(0, 1)
        sure = F.logsigmoid(view.person)[:, None].expand(-1, NODES, -1).flatten(0, 1)[:, None, None]
        x = self.norms[0](same + self.others(same, same, sure)).unflatten(0, (b, NODES)).transpose(1, 2)
        code = place_code(view.places, nodes.shape[-1]) + self.where(view.where)
        flat = x.flatten(1, 2)
        seen = self.look(flat + code.flatten(1, 2), view.places.flatten(1, 2), view.maps[1:], view.size)
        flat = self.norms[1](flat + seen)
        x = self.norms[2](flat + self.mlps[0](flat)).view(b * q, NODES, -1)
        x = self.norms[3](x + self.inside(x, x, self.graph))
        done: Tensor = self.norms[4](x + self.mlps[1](x)).unflatten(0, (b, q))
        return done


class Original(Transformer):
    """The large one; see the file."""

    def __init__(self, config: ReferModelConfig, channels: tuple[int, ...]) -> None:
        width = config.hidden_dim
        encoder = Encoder(channels[1:], width, config.enc_layers)
        super().__init__(config, channels, encoder, lambda: DecoderLayer(width), _LEVELS)
