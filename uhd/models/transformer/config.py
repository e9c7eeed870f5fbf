"""Every knob of the transformer architecture, named as the original's flags."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.config import Search, knob

_GROUP = "transformer"


@dataclass(frozen=True)
class TransformerConfig:
    """Architecture of one query detector; together with the state dict it is the whole model.

    Source: PINTO0309/UHD, after Carion et al., "End-to-End Object Detection with Transformers" (DETR), 2020.

    Paper: https://arxiv.org/abs/2005.12872
    """

    in_channels: int = knob(3, "input channels; follows the resize mode", group=_GROUP, choices=(1, 2, 3), hidden=True)
    num_classes: int = knob(1, "classes; follows --classes", group=_GROUP, minimum=1, hidden=True)
    num_queries: int = knob(
        10, "queries: the most people found in one image", group=_GROUP, minimum=1, search=Search(4, 40)
    )
    d_model: int = knob(64, "width; divisible by 4 and by --heads", group=_GROUP, minimum=4)
    heads: int = knob(4, "attention heads", group=_GROUP, minimum=1)
    layers: int = knob(3, "encoder layers, and as many decoder layers", group=_GROUP, minimum=1)
    dim_feedforward: int = knob(128, "width of the feed-forward blocks", group=_GROUP, minimum=1)
    dropout: float = knob(
        0.0,
        "share of activations dropped in training",
        group=_GROUP,
        minimum=0,
        maximum=0.9,
        original=0.1,
        search=Search(0, 0.3),
    )
    use_fpn: bool = knob(False, "tokens of four maps, strides 2, 2, 4 and 8, instead of one", group=_GROUP)
    activation: str = knob("relu", "activation", group=_GROUP, choices=("relu", "swish", "silu"), original="swish")
    use_batchnorm: bool = knob(
        True, "batch normalisation after every convolution", group=_GROUP, original=False, keras=False
    )

    @property
    def stride(self) -> int:
        """Pixels that height and width of the input must be a multiple of."""
        return 8 if self.use_fpn else 2
