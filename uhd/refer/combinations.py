"""HuMAR's ten combinations of parts and its experiments: what is claimed of each, what was measured there, ours.

Imports no framework.
"""

from __future__ import annotations

from dataclasses import dataclass

from uhd.refer.model.config import ReferModelConfig

# Width, blocks of the encoder, layers of the decoder: those of UniPHD and HuMAR, but for the light one, which they
# claim to have 2 to 3 million parameters and which has 6 at the width of the others.
SCALES = {
    "original": (256, 6, 6),
    "efficient": (256, 4, 6),
    "fully_conv": (256, 3, 6),
    "fully_conv_optim": (160, 2, 3),
}
QUERIES = 20
WORDS = 4000  # of the learned table, as a large set of training texts has them

# Millions claimed, parameters measured there, and why ours differ.
TRANSFORMERS = {
    "original": ("27", 27_343_636, "maps are projected inside; layers of its own decide who is meant"),
    "efficient": ("11", 11_029_588, "nodes look at their own place in place of attention to every cell"),
    "fully_conv": ("12", 12_335_700, "the fuser of maps is depthwise, and counted; there 2.03 million stood outside"),
    "fully_conv_optim": ("2-3", 6_070_676, "160 wide, 3 layers: the claim is kept"),
}  # fmt: skip
TEXT_ENCODERS = {
    "tinybert": ("14.5", 14_350_248),
    "minilm": ("23", 22_713_216),
    "distilbert": ("66", 66_362_880),
    "roberta": ("125", 124_645_632),
    "learned": ("~1", None),
}
_FIVE = "there the last of five stages was dropped, and strides were 2 to 16"
BACKBONES = {
    "segformer_b0": ("3.7", 3_319_392, "the claim counts a classifier"),
    "segformer_b1": ("13.7", 13_151_424, "the claim counts a classifier"),
    "mobilevit_xxs": ("1.3", 491_344, _FIVE),
    "mobilevit_xs": ("2.3", 1_054_784, _FIVE),
    "mobilevit_s": ("5.6", 2_519_760, _FIVE),
    "efficientformerv2_s0": ("3.5", 3_245_904, "the claim counts classifiers"),
    "efficientformerv2_s1": ("6.1", 5_735_112, "the claim counts classifiers"),
    "efficientformerv2_s2": ("12.6", 12_131_536, "the claim counts classifiers"),
    "poolformer_s12": ("12", 11_401_152, "the claim counts a classifier"),
    "poolformer_s24": ("21", 20_874_944, "the claim counts a classifier"),
    "poolformer_s36": ("31", 30_348_736, "the claim counts a classifier"),
    "swin_T_224_1k": ("~28", 27_520_698, ""),
}


@dataclass(frozen=True)
class Combination:
    """One of the combinations.

    Attributes:
        name: as its output folder there, and as its file in ``configs/refer``.
        transformer, text, backbone: names of parts.
        claimed: millions of parameters.
        measured: parameters there; None where it could not be built.
        queries, batch: people looked at, and pictures of a step.
        note: what is different here.
    """

    name: str
    transformer: str
    text: str
    backbone: str
    claimed: str = "-"
    measured: int | None = None
    queries: int = QUERIES
    batch: int = 16
    note: str = ""

    def config(self) -> ReferModelConfig:
        """Return the network's configuration."""
        return model_config(self.transformer, self.text, self.backbone, self.queries)


_LIGHT = "the light transformer is 160 wide"
COMBINATIONS = (
    Combination("ultra_light", "fully_conv_optim", "tinybert", "segformer_b0", "20", 26_542_882, note=_LIGHT),
    Combination("balanced_light", "fully_conv_optim", "minilm", "segformer_b0", "29", 34_942_714, note=_LIGHT),
    Combination("higher_capacity_light", "fully_conv_optim", "minilm", "segformer_b1", "36", 45_542_234, note=_LIGHT),
    Combination("efficient_attn_light", "efficient", "minilm", "segformer_b0", "38", 39_901_626),
    Combination("full_featured_light", "fully_conv_optim", "distilbert", "segformer_b0", "72", 78_788_986, note=_LIGHT),
    Combination("efficient_balanced", "efficient", "minilm", "segformer_b1", "48", 50_501_146),
    Combination("tite_ultra_light", "fully_conv_optim", "learned", "segformer_b0", "6", None,
                note="TITE has 109 million alone; the table learnt from scratch stands for the words of the claim"),
    Combination("pure_conv_light", "fully_conv", "minilm", "segformer_b0", "39", 41_207_738),
    Combination("original_light_components", "original", "minilm", "segformer_b0", "54", 56_215_674),
    Combination("original_baseline", "original", "roberta", "swin_T_224_1k", "180", 184_031_828),
)  # fmt: skip
EXPERIMENTS = (
    Combination("mobile", "fully_conv_optim", "tinybert", "mobilevit_s", "-", 25_382_802, note=_LIGHT),
    Combination("memory_constrained", "fully_conv_optim", "tinybert", "mobilevit_xxs", queries=10, batch=4),
    Combination("efficiency_research", "fully_conv_optim", "tinybert", "poolformer_s12", "-", 35_392_130, note=_LIGHT),
)


def model_config(transformer: str, text: str, backbone: str, queries: int = QUERIES) -> ReferModelConfig:
    """Return the configuration of three parts at their published size."""
    width, encoder, decoder = SCALES[transformer]
    return ReferModelConfig(
        backbone, text, transformer, hidden_dim=width, enc_layers=encoder, dec_layers=decoder, num_queries=queries
    )
