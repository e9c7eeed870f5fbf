"""The parts that a network is put together from: a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from uhd.refer.model.backbones.names import PUBLISHED
from uhd.refer.model.bert import SIZES, Bert, BertSize, refuse_tite
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.efficient import Efficient
from uhd.refer.model.fully_conv import FullyConv
from uhd.refer.model.fully_conv_optim import FullyConvOptim
from uhd.refer.model.learned_text import LearnedText
from uhd.refer.model.original import Original
from uhd.refer.model.tiny import TinyBackbone
from uhd.refer.model.vocabulary import Vocabulary

Make = Callable[[ReferModelConfig, Vocabulary], nn.Module]


def _bert(size: BertSize) -> Make:
    return lambda config, vocabulary: Bert(size, len(vocabulary), config.hidden_dim)


def _published(make: Callable[[], nn.Module]) -> Callable[[ReferModelConfig], nn.Module]:
    return lambda _: make()


# Pictures (B, 3, H, W) and their extents to four maps; ``channels`` says how many each has.
BACKBONES: dict[str, Callable[[ReferModelConfig], nn.Module]] = {
    "tiny": lambda config: TinyBackbone(config.backbone_width),
    **{name: _published(make) for name, make in PUBLISHED.items()},
}
# Words (N, L) to word states (N, L, D) and which of them count (N, L).
TEXT_ENCODERS: dict[str, Make] = {
    "learned": lambda config, vocabulary: LearnedText(
        len(vocabulary), config.hidden_dim, config.max_words, config.text_layers
    ),
    **{name: _bert(size) for name, size in SIZES.items()},
    "tite": lambda _config, _vocabulary: refuse_tite(),
}
# Four maps to a Scene, and a Scene with a prompt's tokens to the score of everybody in it.
TRANSFORMERS: dict[str, Callable[[ReferModelConfig, tuple[int, ...]], nn.Module]] = {
    "fully_conv_optim": FullyConvOptim,
    "efficient": Efficient,
    "fully_conv": FullyConv,
    "original": Original,
}
