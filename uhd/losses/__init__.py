"""Training objectives: one file per objective, the parts they share beside them.

Every part is usable on its own, elementwise, on tensors: ``uhd.losses.ciou_loss(predictions, boxes).mean()``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uhd.errors import UserError
from uhd.lazy import lazy_names

if TYPE_CHECKING:
    from torch import Tensor

    from uhd.assigners.targets import Targets
    from uhd.data.multi_label import LabelRoles
    from uhd.losses.aligned import AlignedLoss
    from uhd.losses.anchor import AnchorLoss
    from uhd.losses.config import LossConfig
    from uhd.models.network import DetectorNetwork

    Objective = Callable[[Any, Targets], tuple[Tensor, dict[str, Tensor]]]


# Public name -> module and its name there; torch is imported with the first of them.
_PLACES = {
    "iou_loss": "uhd.losses.box",
    "giou_loss": "uhd.losses.box",
    "diou_loss": "uhd.losses.box",
    "ciou_loss": "uhd.losses.box",
    "nwd_loss": "uhd.losses.box",
    "smooth_l1_loss": "uhd.losses.box",
    "binary_cross_entropy_loss": "uhd.losses.classification",
    "cross_entropy_loss": "uhd.losses.classification",
    "distribution_focal_loss": "uhd.losses.classification",
    "focal_loss": "uhd.losses.classification",
    "quality_focal_loss": "uhd.losses.classification",
    "varifocal_loss": "uhd.losses.classification",
}
__getattr__ = lazy_names(__name__, _PLACES)


def build_objective(network: DetectorNetwork, config: LossConfig, roles: LabelRoles | None = None) -> Objective:
    """Return the objective of a network: (raw maps as its forward returns them, targets) -> (total, parts).

    Args:
        network: decides by its kind.
        config: objective, assigner and weights.
        roles: what the labels mean where an object may have several; None for one label each.

    Raises:
        UserError: the settings contradict each other.
    """
    if network.kind not in OBJECTIVES:
        raise UserError(f"{network.arch} has no training objective")
    return OBJECTIVES[network.kind](network, config, roles)


def _centernet(network: DetectorNetwork, config: LossConfig, roles: LabelRoles | None) -> Objective:
    from uhd.losses.centernet import CenterNetLoss

    del network
    if roles is not None and roles.mode != "none":
        raise UserError("--multi-label-mode needs anchors: --arch ultratinyod")
    return CenterNetLoss(config)


def _queries(network: DetectorNetwork, config: LossConfig, roles: LabelRoles | None) -> Objective:
    from uhd.losses.detr import SetLoss

    del roles
    return SetLoss(config, network.config.num_classes)


def _ltrb(network: DetectorNetwork, config: LossConfig, roles: LabelRoles | None) -> Objective:
    from uhd.heads import LtrbLayout
    from uhd.losses.ltrb import LtrbLoss

    del roles
    layout = network.layout()
    assert isinstance(layout, LtrbLayout)
    return LtrbLoss(config, layout)


def _anchor(network: DetectorNetwork, config: LossConfig, roles: LabelRoles | None) -> Objective:
    from uhd.losses.multi_label import SeparateBranchLoss, SingleBranchLoss
    from uhd.models.network import AnchorNetwork

    assert isinstance(network, AnchorNetwork)
    layout = network.layout()
    loss = build_loss(
        config, network.anchors, layout.num_classes, layout.has_quality, layout.score_mode, layout.quality_power
    )
    several: SeparateBranchLoss | SingleBranchLoss | AlignedLoss | AnchorLoss = loss
    if layout.multi_label:
        if roles is None or roles.mode == "none":
            raise UserError("the model has attributes: --multi-label-mode has to say which classes they are")
        if config.anchor_cls_loss == "ce":
            raise UserError("--anchor-cls-loss ce lets one class win; --multi-label-mode needs bce")
        branches = SeparateBranchLoss if layout.num_attributes else SingleBranchLoss
        several = branches(loss, roles.ranks)
    return lambda raw, targets: several(raw, targets, network.wh_scale)


# By kind of head (:mod:`uhd.heads`): network, configuration, label roles -> objective.
OBJECTIVES: dict[str, Callable[[DetectorNetwork, LossConfig, LabelRoles | None], Objective]] = {
    "anchor": _anchor,
    "centernet": _centernet,
    "queries": _queries,
    "ltrb": _ltrb,
}


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
        score_mode: what ranks predictions, one of ``uhd.heads.SCORE_MODES``; used by the assigners.
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
