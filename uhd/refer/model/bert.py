"""Text encoders of BERT's kind, built from their sizes (https://arxiv.org/abs/1810.04805).

TinyBERT (https://arxiv.org/abs/1909.10351), MiniLM (https://arxiv.org/abs/2002.10957), DistilBERT
(https://arxiv.org/abs/1910.01108) and RoBERTa (https://arxiv.org/abs/1907.11692) differ in numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.errors import UserError
from uhd.refer.model.backbones.blocks import HIDDEN, SelfAttention
from uhd.refer.model.vocabulary import PAD


@dataclass(frozen=True)
class BertSize:
    """How large an encoder of this kind is.

    Attributes:
        width, layers, heads, hidden: of the blocks.
        words, places: rows of the tables of words and of places.
        first_place: the place of the first word.
        types: rows of the table of segments; only the first is used.
        pooler: whether the first state passes one more layer; it stands for the whole text.
        epsilon: of the layer-norms.
    """

    width: int
    layers: int
    heads: int = 12
    hidden: int = 3072
    words: int = 30522
    places: int = 512
    first_place: int = 0
    types: int = 2
    pooler: bool = True
    epsilon: float = 1e-12


SIZES = {
    "tinybert": BertSize(312, 4, hidden=1200),
    "minilm": BertSize(384, 6, hidden=1536),
    "distilbert": BertSize(768, 6, types=0, pooler=False),
    "roberta": BertSize(768, 12, words=50265, places=514, first_place=2, types=1, epsilon=1e-5),
}


class Block(nn.Module):
    """Attention and an MLP, each followed by its short cut and a layer-norm."""

    def __init__(self, size: BertSize) -> None:
        super().__init__()
        self.attention = SelfAttention(size.width, size.heads)
        self.norms = nn.ModuleList(nn.LayerNorm(size.width, size.epsilon) for _ in range(2))
        self.first, self.last = nn.Linear(size.width, size.hidden), nn.Linear(size.hidden, size.width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Map states (N, L, D) to the same shape; ``bias`` (N, 1, 1, L) hides words."""
        x = self.norms[0](x + self.attention(x, x, bias))
        done: Tensor = self.norms[1](x + self.last(F.gelu(self.first(x))))
        return done


class Bert(nn.Module):
    """Map words to states that know their neighbours and their place.

    Args:
        size: of the encoder.
        count: words of the vocabulary; more than the published table has make it longer.
        width: of the states that come out.
    """

    def __init__(self, size: BertSize, count: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.words = nn.Embedding(max(count, size.words), size.width, PAD)
        self.places = nn.Embedding(size.places, size.width)
        self.types = nn.Embedding(size.types, size.width) if size.types else None
        self.norm = nn.LayerNorm(size.width, size.epsilon)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.pooler = nn.Linear(size.width, size.width) if size.pooler else None
        for table in (self.words, self.places, self.types):
            if table is not None:
                nn.init.normal_(table.weight, std=0.02)
        self.out, self.out_norm = nn.Linear(size.width, width), nn.LayerNorm(width)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Return word states (N, L, D) and which words count (N, L) bool, of words (N, L) int64."""
        real = words != PAD
        x = self.words(words) + self.places(torch.arange(words.shape[1], device=words.device) + self.size.first_place)
        if self.types is not None:
            x = x + self.types.weight[0]
        x = self.norm(x)
        bias = torch.where(real, 0.0, HIDDEN)[:, None, None]
        for block in self.blocks:
            x = block(x, bias)
        if self.pooler is not None:
            x = torch.cat([self.pooler(x[:, :1]).tanh(), x[:, 1:]], 1)
        return self.out_norm(self.out(x)), real

    def own_parameters(self) -> int:
        """Return how many parameters it has without the layer that makes its states as wide as the network."""
        beside = {id(p) for layer in (self.out, self.out_norm) for p in layer.parameters()}
        return sum(p.numel() for p in self.parameters() if id(p) not in beside)


def refuse_tite() -> nn.Module:
    """Raise: TITE is no small encoder that could be built here from nothing (https://doi.org/10.1145/3726302.3730094).

    Raises:
        UserError: always.
    """
    raise UserError(
        "--text-encoder-type tite: the published TITE is a pretrained encoder of 109 million parameters whose files "
        "are not here, and it pools away the words that are compared here; "
        "the small table learnt from scratch is learned"
    )
