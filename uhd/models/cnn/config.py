"""Every knob of the cnn architecture, named as the original's flags."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.anchors import parse_anchors
from uhd.config import knob
from uhd.errors import UserError
from uhd.models.backbones.config import ATTENTION, BackboneConfig

_GROUP = "cnn"


@dataclass(frozen=True)
class CNNConfig(BackboneConfig):
    """A plain trunk or a backbone, with CenterNet heads or an anchor head.

    Source: PINTO0309/UHD. Knobs that UltraTinyOD has too share their flag and their defaults with it.
    """

    cnn_width: int = knob(32, "channels of the plain trunk", group=_GROUP, minimum=4, keras=64)
    in_channels: int = knob(3, "input channels; follows the resize mode", group=_GROUP, choices=(1, 2, 3), hidden=True)
    num_classes: int = knob(1, "classes; follows --classes", group=_GROUP, minimum=1, hidden=True)
    use_anchor: bool = knob(False, "anchor head instead of the CenterNet heads", group=_GROUP)
    num_anchors: int = knob(8, "anchors per cell", group=_GROUP, minimum=1, maximum=64, original=3, keras=3)
    anchors: tuple[tuple[float, float], ...] = knob(
        (), 'anchor sizes "w,h w,h ...", normalised to the image', group=_GROUP, parse=parse_anchors
    )
    output_stride: int | None = knob(
        None, "pixels per cell: 4, 8 or 16 (default 16; a backbone has its own)", group=_GROUP, choices=(4, 8, 16)
    )
    activation: str = knob("relu", "activation", group=_GROUP, choices=("relu", "swish", "silu"), original="swish")
    use_batchnorm: bool = knob(
        True, "batch normalisation after every convolution", group=_GROUP, original=False, keras=False
    )
    use_skip: bool = knob(False, "add the early stages of the trunk to the last", group=_GROUP)
    last_se: str = knob("none", "channel attention behind the trunk", group=_GROUP, choices=ATTENTION)
    last_width_scale: float = knob(
        1.0, "width of the last stage of the trunk; below 1 counts as 1", group=_GROUP, minimum=0
    )
    topk: int = knob(50, "most detections of CenterNet decoding", group=_GROUP, minimum=1)
    heatmap_peaks: bool = knob(
        True,
        "CenterNet decoding takes local maxima of the heat map only (off: any cell, as the original)",
        group=_GROUP,
        original=False,
    )

    @property
    def stride(self) -> int:
        """Pixels per output cell."""
        return self.backbone_stride if self.has_backbone else self.output_stride or 16

    @property
    def has_backbone(self) -> bool:
        """Whether a backbone replaces the plain trunk."""
        return self.backbone not in (None, "none")

    @property
    def last_width(self) -> int:
        """Channels of the last stage of the plain trunk."""
        return round(self.cnn_width * max(1.0, self.last_width_scale))

    def check(self) -> None:
        """Raise UserError when options contradict each other."""
        self.check_backbone()
        if self.has_backbone:
            of_the_trunk = {
                "--use-skip": self.use_skip,
                "--last-se": self.last_se != "none",
                "--last-width-scale": self.last_width_scale > 1,
            }
            for flag, given in of_the_trunk.items():
                if given:
                    raise UserError(f"{flag} is for the plain trunk and excludes --backbone {self.backbone}")
        if self.anchors and not self.use_anchor:
            raise UserError("--anchors needs --use-anchor: CenterNet heads have no anchors")
