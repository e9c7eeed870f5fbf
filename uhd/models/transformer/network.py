"""A small DETR: every pixel pair is a token, and a few queries find one person each (PINTO0309/UHD)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from uhd.errors import UserError
from uhd.heads import QueryLayout
from uhd.models.network import DetectorNetwork, check_size
from uhd.models.transformer.config import TransformerConfig
from uhd.models.transformer.layers import Decoder, Encoder
from uhd.models.transformer.position import sine_position
from uhd.models.transformer.pyramid import PyramidStep

Array = NDArray[np.float32]


class QueryTransformer(DetectorNetwork):
    """Map images (B, in_channels, H, W) in [0, 1] to logits (Q, B, num_classes + 1) and boxes (Q, B, 4).

    The last logit is the background's. Boxes are ``cxcywh``, normalised, in (0, 1). Queries come first, as in the
    original's files. In training mode the answers of the earlier decoder layers follow, logits and boxes in turn, the
    last but one layer first: the objective may teach them too.
    """

    arch, tag = "transformer", "tf"
    kind = "queries"
    output_names = ("logits", "boxes")
    config: TransformerConfig

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.d_model
        if width % config.heads or width % 4:
            raise UserError(f"--d-model {width} must be divisible by 4 and by --heads {config.heads}")
        self.config = config
        first = nn.Conv2d(config.in_channels, width, 3, 2, 1)
        if config.use_fpn:
            self.stem = first
            self.fpn_high = PyramidStep(config, 1)
            self.fpn1, self.fpn2 = PyramidStep(config, 2), PyramidStep(config, 2)
        else:
            self.patch = first
        self.encoder, self.decoder = Encoder(config), Decoder(config)
        self.query_embed = nn.Embedding(config.num_queries, width)
        self.class_head = nn.Linear(width, config.num_classes + 1)
        self.box_head = nn.Linear(width, 4)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return logits (Q, B, C + 1) and boxes (Q, B, 4), 0 to 1; the class says what follows them in training."""
        height, width = int(images.shape[-2]), int(images.shape[-1])
        check_size((height, width), self.config.stride)
        tokens = self.encoder(torch.cat([self._tokens(each) for each in self._maps(images)], 1))
        queries = self.query_embed.weight.expand(images.shape[0], -1, -1)
        found = self.decoder(queries, tokens)
        if not self.training:
            return self._answers(found[-1])
        return tuple(each for layer in reversed(found) for each in self._answers(layer))

    def answers(self) -> list[nn.Module]:
        """Return the last layers and the embedding of the queries."""
        return [self.query_embed, self.class_head, self.box_head]

    def layout(self) -> QueryLayout:
        """Return how both maps are read."""
        return QueryLayout()

    def token_maps(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the maps that the encoder's tokens come from; see :meth:`DetectorNetwork.token_maps`."""
        steps = (2, 2, 4, 8) if self.config.use_fpn else (2,)
        return [(-(-size[0] // step), -(-size[1] // step)) for step in steps]

    def _answers(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        return self.class_head(queries).transpose(0, 1), self.box_head(queries).sigmoid().transpose(0, 1)

    def _maps(self, images: Tensor) -> list[Tensor]:
        if not self.config.use_fpn:
            return [self.patch(images)]
        maps = [self.stem(images)]
        for step in (self.fpn_high, self.fpn1, self.fpn2):
            maps.append(step(maps[-1]))
        return maps

    def _tokens(self, each: Tensor) -> Tensor:
        height, width = int(each.shape[2]), int(each.shape[3])
        # Computed in single precision, so that a network in half of it has the same code, rounded once.
        place = sine_position(height, width, int(each.shape[1]), each.device)
        return each.flatten(2).transpose(1, 2) + place.to(each.dtype)
