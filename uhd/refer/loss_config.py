"""What the parts of the objective weigh; the paper's weights (UniPHD, https://arxiv.org/abs/2410.20508)."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.config import knob

_LOSS = "objective"


@dataclass(frozen=True)
class ReferLossConfig:
    """What the parts of the objective weigh."""

    weight_class: float = knob(2.0, "person or not, focal", group=_LOSS, minimum=0)
    weight_box: float = knob(5.0, "sides of boxes, L1", group=_LOSS, minimum=0)
    weight_giou: float = knob(2.0, "overlap of boxes, GIoU", group=_LOSS, minimum=0)
    weight_keypoints: float = knob(4.0, "keypoints, L1 summed over those known (the paper: 10)", group=_LOSS, minimum=0)
    weight_oks: float = knob(4.0, "keypoint similarity", group=_LOSS, minimum=0)
    weight_visibility: float = knob(4.0, "seen or not", group=_LOSS, minimum=0)
    weight_mask: float = knob(2.0, "pixels of masks", group=_LOSS, minimum=0)
    weight_dice: float = knob(5.0, "overlap of masks, dice", group=_LOSS, minimum=0)
    weight_heat: float = knob(2.0, "where people are, heat map of the proposals", group=_LOSS, minimum=0)
    weight_ground: float = knob(8.0, "which of them is meant", group=_LOSS, minimum=0)
