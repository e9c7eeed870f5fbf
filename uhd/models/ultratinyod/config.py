"""Every knob of the UltraTinyOD architecture, named as the original's flags."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.anchors import DEFAULT_ANCHORS, parse_anchors
from uhd.config import Search, knob
from uhd.heads import SCORE_MODES

_GROUP = "UltraTinyOD"


@dataclass(frozen=True)
class UltraTinyODConfig:
    """Architecture of one detector; together with the state dict it is the whole model.

    Source: PINTO0309/UHD. ``C = 4 * cnn_width`` is the width of the head.
    """

    cnn_width: int = knob(
        32,
        "channels of the stem; the head has four times as many",
        group=_GROUP,
        minimum=4,
        search=Search(8, 128, log=True),
        keras=64,
    )
    in_channels: int = knob(3, "input channels; follows the resize mode", group=_GROUP, choices=(1, 2, 3), hidden=True)
    num_classes: int = knob(1, "classes; follows --classes", group=_GROUP, minimum=0, hidden=True)
    num_attributes: int = knob(0, "attributes of the separate multi-label head", group=_GROUP, minimum=0, hidden=True)
    multi_label_mode: str = knob(
        "none", "follows --multi-label-mode", group=_GROUP, choices=("none", "single", "separate"), hidden=True
    )
    head: str = knob(
        "anchor",
        "anchor; anchor_free: every cell says how far the sides of its box are; one_to_one: the same, taught to find "
        "everybody once, so that nothing is suppressed",
        group=_GROUP,
        choices=("anchor", "anchor_free", "one_to_one"),
    )
    reg_max: int = knob(
        0,
        "without anchors: distances as distributions over 0 to so many cells; 0 for plain ones",
        group=_GROUP,
        minimum=0,
        maximum=32,
    )
    num_anchors: int = knob(8, "anchors per cell", group=_GROUP, minimum=1, maximum=64, original=3, keras=3)
    anchors: tuple[tuple[float, float], ...] = knob(
        (), 'anchor sizes "w,h w,h ...", normalised to the image', group=_GROUP, parse=parse_anchors
    )
    output_stride: int | None = knob(None, "pixels per cell: 4, 8 or 16 (default 8)", group=_GROUP, choices=(4, 8, 16))
    activation: str = knob("relu", "activation", group=_GROUP, choices=("relu", "swish", "silu"), original="swish")
    use_batchnorm: bool = knob(
        True, "batch normalisation after every convolution", group=_GROUP, original=False, keras=False
    )
    use_improved_head: bool = knob(
        True, "residual context, quality branch and trainable anchor scale", group=_GROUP, original=False, keras=False
    )
    use_iou_aware_head: bool = knob(
        True, "towers for box, quality and class; score = quality x class", group=_GROUP, original=False, keras=False
    )
    quality_power: float = knob(1.0, "exponent of the quality in the score", group=_GROUP, minimum=0)
    score_mode: str | None = knob(
        None, "which branches make the score (default follows the head)", group=_GROUP, choices=SCORE_MODES[:-1]
    )
    disable_cls: bool = knob(False, "no class branch at all", group=_GROUP)
    utod_backbone: str = knob(
        "own",
        "own, or efficientnet_lite0, which can start from weights of ImageNet (--backbone-weights)",
        group=_GROUP,
        choices=("own", "efficientnet_lite0"),
    )
    utod_residual: bool = knob(True, "residual connections in the backbone", group=_GROUP, original=False, keras=False)
    utod_head_ese: bool = knob(
        True, "channel attention (eSE) before the branches", group=_GROUP, original=False, keras=False
    )
    utod_context_rfb: bool = knob(False, "receptive-field block in the head", group=_GROUP)
    utod_context_dilation: int = knob(2, "dilation of that block", group=_GROUP, minimum=1)
    utod_large_obj_branch: bool = knob(
        True, "half-resolution branch for large people", group=_GROUP, original=False, keras=False
    )
    utod_large_obj_depth: int = knob(2, "blocks in that branch", group=_GROUP, minimum=1, search=Search(1, 4), keras=1)
    utod_large_obj_ch_scale: float = knob(
        1.25, "width of that branch", group=_GROUP, minimum=0.25, original=1.0, search=Search(0.5, 2), keras=1.0
    )
    utod_conv: str = knob("dw", "depthwise-separable or standard convolutions", group=_GROUP, choices=("dw", "std"))
    utod_sppf_scale: str = knob("none", "scaling in the pooling block", group=_GROUP, choices=("none", "bn", "conv"))
    cls_bottleneck_ratio: float = knob(
        0.5, "width of the class branch beside the head's", group=_GROUP, minimum=0.05, maximum=1
    )
    utod_quant_arch: int = knob(
        0, "variant that is kinder to quantisation", group=_GROUP, choices=tuple(range(12)), minimum=0
    )

    @property
    def anchor_sizes(self) -> tuple[tuple[float, float], ...]:
        """Width and height of the anchors, normalised: those configured, or the default ones up to ``num_anchors``."""
        return self.anchors or tuple(DEFAULT_ANCHORS[i % len(DEFAULT_ANCHORS)] for i in range(self.num_anchors))

    @property
    def stride(self) -> int:
        """Pixels per output cell."""
        return self.output_stride or 8

    @property
    def has_quality(self) -> bool:
        """Whether the head has a quality branch."""
        return self.use_improved_head or self.use_iou_aware_head

    @property
    def class_channels(self) -> int:
        """Class channels per anchor; 0 when the class branch is off."""
        return 0 if self.disable_cls else self.num_classes
