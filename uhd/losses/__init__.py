"""Training objectives: one file per objective, the parts they share beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uhd.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from uhd.losses.aligned import AlignedLoss
    from uhd.losses.anchor import AnchorLoss
    from uhd.losses.config import LossConfig
    from uhd.losses.targets import Targets
    from uhd.models.network import DetectorNetwork

    Objective = Callable[[Any, Targets], tuple[Tensor, dict[str, Tensor]]]


def build_objective(network: DetectorNetwork, config: LossConfig) -> Objective:
    """Return the objective of a network: (raw maps as its forward returns them, targets) -> (total, parts).

    Raises:
        UserError: the settings contradict each other.
    """
    from uhd.models.network import AnchorNetwork

    if not isinstance(network, AnchorNetwork):
        raise UserError(f"{network.arch} has no training objective")
    layout = network.layout()
    loss = build_loss(
        config, network.anchors, layout.num_classes, layout.has_quality, layout.score_mode, layout.quality_power
    )
    return lambda raw, targets: loss(raw, targets, network.wh_scale)


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
