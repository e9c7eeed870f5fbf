"""What all transformers share: proposals, layers of nodes that say more and more exactly, masks, grounding."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.decoder import NODES, NodeLayer
from uhd.refer.model.grounding import Grounding
from uhd.refer.model.layers import ConvNorm, Mlp, twice
from uhd.refer.model.masks import kernel_size
from uhd.refer.model.proposals import Proposals
from uhd.refer.model.scene import Scene
from uhd.refer.model.valid import Valid, cut


class Transformer(nn.Module):
    """Find everybody in four maps; say who of them a prompt means.

    Args:
        config: widths and numbers of layers.
        channels: of the maps at strides 4, 8, 16 and 32.
        encoder: maps at strides 8, 16 and 32, and extents, to at least as many maps of the network's width.
        layer: makes one layer of the decoder.
        levels: how many of the encoder's maps the decoder reads, besides the map at stride 4.
    """

    def __init__(
        self,
        config: ReferModelConfig,
        channels: tuple[int, ...],
        encoder: nn.Module,
        layer: Callable[[], NodeLayer],
        levels: int,
    ) -> None:
        super().__init__()
        width, self.levels = config.hidden_dim, levels
        self.pyramid = encoder
        self.fine, self.coarse = ConvNorm(channels[0], config.mask_channels), ConvNorm(width, config.mask_channels)
        self.pixels = ConvNorm(config.mask_channels, config.mask_channels, 3)
        self.proposals = Proposals(width, config.num_queries)
        self.nodes = nn.Parameter(torch.randn(NODES, width) * 0.5)
        self.start = Mlp(width, width, width)
        self.decoder = nn.ModuleList(layer() for _ in range(config.dec_layers))
        self.kernel = Mlp(width, width, kernel_size(config.mask_channels))
        self.grounding = Grounding(width, config.ground_layers)

    def forward(self, maps: list[Tensor], size: tuple[int, int], valid: Valid | None, wanted: Tensor | None) -> Scene:
        """Return everybody in B pictures.

        Args:
            maps: (B, C, h, w) at strides 4, 8, 16 and 32.
            size: (H, W) of the batch in pixels.
            valid: extents of the pictures.
            wanted: cells (B, h, w) at stride 8 that are looked at in any case.
        """
        levels = self.pyramid(maps[1:], valid)
        fine = self.fine(maps[0])
        height, width = fine.shape[-2:]
        coarse = twice(self.coarse(levels[0]))[:, :, :height, :width]
        pixels = cut(self.pixels(fine + coarse, valid), valid)
        heat, states, layer = self.proposals(levels[0], valid, wanted)
        nodes = self.start(states)[:, :, None] + self.nodes
        layers = [layer]
        for decode in self.decoder:
            nodes, layer = decode(nodes, layer, [pixels, *levels[: self.levels]], size)
            layers.append(layer)
        states = nodes[:, :, 0]
        return Scene(states, tuple(layers), heat, self.kernel(states), pixels, levels[0])

    def score(self, scene: Scene, extents: Tensor, tokens: Tensor, hidden: Tensor) -> Tensor:
        """Return (B, P, Q) logits of the candidates for every prompt; see :class:`Grounding`."""
        found: Tensor = self.grounding(scene.states, scene.last, extents, tokens, hidden)
        return found
