"""Assigners decide which predictions learn which person. All have one signature, see ``assignment.Assigner``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uhd.assigners.assignment import Assigner
    from uhd.assigners.config import AssignerConfig


def build_assigner(config: AssignerConfig) -> Assigner:
    """Return the assigner that ``config.anchor_assigner`` names."""
    from uhd.assigners.atss import ATSSAssigner
    from uhd.assigners.gaussian import GaussianAssigner
    from uhd.assigners.hungarian import HungarianAssigner
    from uhd.assigners.legacy import LegacyAssigner
    from uhd.assigners.max_iou import MaxIoUAssigner
    from uhd.assigners.simota import SimOTAAssigner
    from uhd.assigners.simota_legacy import SimOTALegacyAssigner
    from uhd.assigners.task_aligned import TaskAlignedAssigner
    from uhd.assigners.task_aligned_paper import TaskAlignedPaperAssigner

    match config.anchor_assigner:
        case "tal":
            reach = config.tal_radius, config.tal_min_radius_cells
            return TaskAlignedAssigner(config.tal_alpha, config.tal_beta, config.tal_topk, *reach)
        case "legacy":
            return LegacyAssigner()
        case "simota":
            return SimOTAAssigner(config.simota_topk)
        case "simota-legacy":
            return SimOTALegacyAssigner(config.simota_topk)
        case "tal-paper":
            return TaskAlignedPaperAssigner()
        case "max-iou":
            return MaxIoUAssigner()
        case "atss":
            return ATSSAssigner()
        case "hungarian":
            return HungarianAssigner()
        case "nwd":
            return GaussianAssigner()
    raise ValueError(f"no assigner is called {config.anchor_assigner!r}")
