"""The parts that a network is put together from: a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.fully_conv_optim import FullyConvOptim
from uhd.refer.model.learned_text import LearnedText
from uhd.refer.model.tiny import TinyBackbone
from uhd.refer.model.vocabulary import Vocabulary

# Pictures (B, 3, H, W) and their extents to four maps; ``channels`` says how many each has.
BACKBONES: Mapping[str, Callable[[ReferModelConfig], nn.Module]] = {
    "tiny": lambda config: TinyBackbone(config.backbone_width),
}
# Words (N, L) to word states (N, L, D) and which of them count (N, L).
TEXT_ENCODERS: Mapping[str, Callable[[ReferModelConfig, Vocabulary], nn.Module]] = {
    "learned": lambda config, vocabulary: LearnedText(
        len(vocabulary), config.hidden_dim, config.max_words, config.text_layers
    ),
}
# Four maps to a Scene, and a Scene with a prompt's tokens to the score of everybody in it.
TRANSFORMERS: Mapping[str, Callable[[ReferModelConfig, tuple[int, ...]], nn.Module]] = {
    "fully_conv_optim": FullyConvOptim,
}
