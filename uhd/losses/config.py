"""What the training objective can be set to."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.assigners.config import AssignerConfig
from uhd.config import Search, knob

OBJECTIVES = ("aligned", "original")
IOU_LOSSES = ("iou", "giou", "diou", "ciou")
BOX_LOSSES = (*IOU_LOSSES, "nwd", "smoothl1")
CLS_LOSSES = ("bce", "ce", "vfl", "vfl-legacy", "focal", "qfl")
_GROUP = "Loss"


@dataclass(frozen=True)
class LossConfig(AssignerConfig):
    """Training objective of every kind of head, with what its assigner needs."""

    objective: str = knob(
        "aligned",
        "aligned: every term per positive, one target per branch; original: means over all cells",
        group=_GROUP,
        choices=OBJECTIVES,
        original="original",
        keras="original",
    )
    iou_loss: str = knob(
        "ciou", "box term: an overlap, nwd (nearness of Gaussians) or smoothl1", group=_GROUP, choices=BOX_LOSSES,
        original="giou", presets={"whole": "giou"},
    )  # fmt: skip
    anchor_cls_loss: str = knob(
        "bce",
        "class term: of positives (bce, ce) or of all cells (focal, qfl and vfl, whose target is the fit); vfl-legacy "
        "is the original's varifocal loss",
        group=_GROUP,
        choices=CLS_LOSSES,
        original="bce",
    )
    loss_weight_box: float = knob(
        2.5,
        "weight of the box term",
        group=_GROUP,
        minimum=0,
        original=1.0,
        search=Search(0.5, 10, log=True),
        keras=1.0,
    )
    loss_weight_obj: float = knob(
        0.1,
        "weight of the objectness term",
        group=_GROUP,
        minimum=0,
        original=1.0,
        search=Search(0.03, 3, log=True),
        keras=1.0,
    )
    loss_weight_cls: float = knob(
        0.2,
        "weight of the class term",
        group=_GROUP,
        minimum=0,
        original=1.0,
        search=Search(0.03, 3, log=True),
        keras=1.0,
    )
    loss_weight_quality: float = knob(
        1.0, "weight of the quality term", group=_GROUP, minimum=0, search=Search(0.1, 3, log=True)
    )
    loss_weight_dfl: float = knob(
        0.5, "weight of the distributions of --reg-max", group=_GROUP, minimum=0, search=Search(0.1, 3, log=True)
    )
    loss_weight_hm: float = knob(
        1.0, "weight of CenterNet's heat map", group=_GROUP, minimum=0, search=Search(0.3, 3, log=True)
    )
    loss_weight_off: float = knob(
        1.0, "weight of CenterNet's offset", group=_GROUP, minimum=0, search=Search(0.1, 3, log=True)
    )
    loss_weight_wh: float = knob(
        1.0, "weight of CenterNet's size", group=_GROUP, minimum=0, search=Search(0.03, 3, log=True)
    )
    class_weights: str = knob(
        "none",
        "weight of each class in the class term: inverse (of its frequency), effective (number of samples, Cui et al. "
        "2019), or numbers, in the order of the classes",
        group=_GROUP,
    )
    ohem_ratio: float = knob(
        0.0, "negatives per positive that are taught, the hardest of the batch first; 0: all of them", group=_GROUP,
        minimum=0, search=Search(1, 20, log=True),
    )  # fmt: skip
    multi_label_attr_weight: float = knob(
        1.0, "weight of the attributes of --multi-label-mode separate", group=_GROUP, minimum=0
    )
    obj_loss: str = knob("bce", "objectness loss", group=_GROUP, choices=("bce", "smoothl1"))
    obj_target: str = knob(
        "auto",
        "objectness of a positive: iou, binary (1), auto (iou with a quality branch or the aligned objective, else 1)",
        group=_GROUP,
        choices=("auto", "binary", "iou"),
    )
    quality_negative_floor: float = knob(
        0.05, "weight of a negative's quality term at quality 0", group=_GROUP, minimum=0, search=Search(0, 0.3)
    )
    quality_negative_scale: float = knob(
        0.75,
        "weight of a negative's quality term: floor + scale * quality^1.5",
        group=_GROUP,
        minimum=0,
        search=Search(0.2, 1.5),
    )
    detr_matching: str = knob(
        "hungarian",
        "set loss of the transformer: hungarian (optimal pairs by class, L1 and GIoU), original (greedy pairs by L1 "
        "and IoU, background at full weight)",
        group=_GROUP,
        choices=("hungarian", "original"),
        original="original",
    )
    detr_background: float = knob(
        0.1,
        "weight of a query without a person, in hungarian matching",
        group=_GROUP,
        minimum=0,
        search=Search(0.02, 0.5, log=True),
    )
    detr_auxiliary: bool = knob(
        True, "teach the answers of every decoder layer of the transformer, not of the last alone", group=_GROUP,
        original=False,
    )  # fmt: skip
