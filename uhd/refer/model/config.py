"""Which parts the network has, and how wide they are. Imports no framework."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.config import knob

_MODEL = "network"
BACKBONE_NAMES = (
    "tiny", "segformer_b0", "segformer_b1", "mobilevit_xxs", "mobilevit_xs", "mobilevit_s", "efficientformerv2_s0",
    "efficientformerv2_s1", "efficientformerv2_s2", "poolformer_s12", "poolformer_s24", "poolformer_s36",
    "swin_T_224_1k", "efficientnet_lite0",
)  # fmt: skip
# As HuMAR's page and its code spell them.
OTHER_SPELLINGS = {
    **{f"efficientformer_{size}": f"efficientformerv2_{size}" for size in ("s0", "s1", "s2")},
    **{f"segformer_mit_{size}": f"segformer_{size}" for size in ("b0", "b1")},
}
TEXT_ENCODER_NAMES = ("learned", "tinybert", "minilm", "distilbert", "roberta", "tite")
TRANSFORMER_NAMES = ("fully_conv_optim", "efficient", "fully_conv", "original")


def spelt_here(name: str) -> str:
    """Return a backbone's name as it is spelt here."""
    return OTHER_SPELLINGS.get(name, name)


@dataclass(frozen=True)
class ReferModelConfig:
    """Which parts the network has, and how wide they are."""

    backbone: str = knob(
        "tiny", "what turns the picture into maps", group=_MODEL, choices=BACKBONE_NAMES, parse=spelt_here
    )
    text_encoder_type: str = knob("learned", "what reads the text", group=_MODEL, choices=TEXT_ENCODER_NAMES)
    transformer_type: str = knob(
        "fully_conv_optim", "what finds people in the maps", group=_MODEL, choices=TRANSFORMER_NAMES
    )
    hidden_dim: int = knob(64, "width of everything behind the backbone", group=_MODEL, minimum=16, maximum=512)
    backbone_width: int = knob(24, "channels of the map at stride 4", group=_MODEL, minimum=8, maximum=128)
    num_queries: int = knob(8, "people that are looked at more closely", group=_MODEL, minimum=1, maximum=100)
    enc_layers: int = knob(1, "blocks over each map", group=_MODEL, minimum=0, maximum=6)
    dec_layers: int = knob(2, "looks at the picture where the keypoints are", group=_MODEL, minimum=1, maximum=6)
    ground_layers: int = knob(2, "rounds of comparing people with the prompt", group=_MODEL, minimum=1, maximum=6)
    text_layers: int = knob(1, "layers of the learned text encoder", group=_MODEL, minimum=1, maximum=6)
    mask_channels: int = knob(16, "channels from which masks are made", group=_MODEL, minimum=4, maximum=128)
    max_words: int = knob(24, "words of a text that are read", group=_MODEL, minimum=4, maximum=128)
