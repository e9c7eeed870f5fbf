"""The text encoder ``learned``: a table of words, neighbours through a convolution, then attention; from scratch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.layers import Attention, Mlp
from uhd.refer.model.vocabulary import PAD

_HIDDEN = -1e4  # as a logit; finite, so that a text of padding alone stays finite


class LearnedText(nn.Module):
    """Map words to states that know their neighbours and their place.

    Args:
        count: words of the vocabulary.
        width: of the states.
        longest: words of a text.
        layers: of attention.
    """

    def __init__(self, count: int, width: int, longest: int, layers: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(count, width, PAD), nn.Embedding(longest, width)
        nn.init.normal_(self.words.weight, std=0.5)
        nn.init.normal_(self.places.weight, std=0.1)
        self.neighbours = nn.Conv1d(width, width, 3, padding=1)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.attention = nn.ModuleList(Attention(width) for _ in range(layers))
        self.mlps = nn.ModuleList(Mlp(width, 2 * width, width) for _ in range(layers))
        self.out = nn.LayerNorm(width)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Return word states (N, L, D) and which words count (N, L) bool, of words (N, L) int64."""
        real = words != PAD
        shown = real[..., None].float()
        x = (self.words(words) + self.places(torch.arange(words.shape[1], device=words.device))) * shown
        x = (x + F.relu(self.neighbours(x.transpose(1, 2)).transpose(1, 2))) * shown
        bias = torch.where(real, 0.0, _HIDDEN)
        for norm, attention, mlp in zip(self.norms, self.attention, self.mlps, strict=True):
            y = norm(x)
            x = x + attention(y, y, bias)
            x = x + mlp(x)
        return self.out(x), real
