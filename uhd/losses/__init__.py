"""Training objectives: one file per objective, the parts they share beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from uhd.losses.aligned import AlignedLoss
    from uhd.losses.anchor import AnchorLoss
    from uhd.losses.config import LossConfig


def build_loss(
    config: LossConfig,
    anchors: Tensor,
    num_classes: int,
    has_quality: bool,
    score_mode: str = "obj_quality_cls",
    quality_power: float = 1.0,
) -> AlignedLoss | AnchorLoss:
    """Return the loss a configuration describes.

    Args:
        config: objective, assigner and weights.
        anchors: (A, 2) normalised width and height.
        num_classes: class channels per anchor; 0 for a classless head.
        has_quality: whether a quality channel follows the objectness.
        score_mode: what ranks predictions, one of ``uhd.decode.SCORE_MODES``; used by the assigners.
        quality_power: exponent of the quality in the score.

    Returns:
        a module: ``loss(raw (B, A * no, h, w), targets, wh_scale=None) -> (total, parts)``. ``parts`` are detached
        scalars on the device; reading one waits for it.

    Raises:
        UserError: the settings contradict each other.
    """
    from uhd.assigners import build_assigner
    from uhd.losses.aligned import AlignedLoss
    from uhd.losses.anchor import AnchorLoss
    from uhd.losses.head import AnchorHead

    head = AnchorHead(anchors, num_classes, has_quality, score_mode, quality_power)
    objective = AlignedLoss if config.objective == "aligned" else AnchorLoss
    return objective(config, head, build_assigner(config))
