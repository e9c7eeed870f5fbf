"""What the assignment of predictions to people can be set to."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.config import Search, knob

ASSIGNERS = ("tal", "tal-paper", "legacy", "max-iou", "atss", "simota", "simota-legacy", "hungarian", "nwd")
_GROUP = "Loss"


@dataclass(frozen=True)
class AssignerConfig:
    """Which predictions of an anchor head learn which person."""

    anchor_assigner: str = knob(
        "tal",
        "which predictions learn a person: tal (task-aligned, our form), tal-paper (TOOD's), legacy (best anchor in "
        "the centre cell), max-iou (thresholds, the best anchor kept), atss, simota (lowest cost), simota-legacy (as "
        "the original computes it: highest IoU), hungarian (one each), nwd (nearest Gaussians, for tiny people)",
        group=_GROUP,
        choices=ASSIGNERS,
        original="legacy",
        keras="legacy",
        presets={"whole": "atss"},
    )
    simota_topk: int = knob(10, "most predictions per person in simota", group=_GROUP, minimum=1, search=Search(4, 20))
    tal_alpha: float = knob(
        0.5, "exponent of the score in the task-aligned metric", group=_GROUP, minimum=0, search=Search(0, 2)
    )
    tal_beta: float = knob(
        4.0,
        "exponent of the IoU in the task-aligned metric",
        group=_GROUP,
        minimum=0,
        exclusive_minimum=True,
        search=Search(1, 8),
    )
    tal_topk: int = knob(10, "most predictions per person in tal", group=_GROUP, minimum=1, search=Search(4, 20))
    tal_radius: float = knob(
        0.8,
        "candidate cells: distance from the person's centre, in half sizes of the person",
        group=_GROUP,
        minimum=0,
        search=Search(0.3, 2),
    )
    tal_min_radius_cells: float = knob(
        0.75, "candidate cells: least distance, in cells", group=_GROUP, minimum=0, search=Search(0, 2)
    )
