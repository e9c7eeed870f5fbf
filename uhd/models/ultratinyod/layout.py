"""How the raw map of an UltraTinyOD is read, whatever framework computed it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.heads import HeadLayout, resolve_score_mode
from uhd.models.ultratinyod.config import UltraTinyODConfig


def layout_of(config: UltraTinyODConfig, anchors: NDArray[np.float32], wh_scale: NDArray[np.float32]) -> HeadLayout:
    """Return what :func:`uhd.heads.decode` needs.

    Args:
        config: of the network.
        anchors: (A, 2) width and height, normalised.
        wh_scale: (A, 2) factor on them; it counts with the improved head only.
    """
    mode = resolve_score_mode(config.score_mode, config.has_quality, config.use_iou_aware_head, config.class_channels)
    return HeadLayout(
        anchors=anchors.astype(np.float32),
        wh_scale=(wh_scale if config.use_improved_head else np.ones_like(wh_scale)).astype(np.float32),
        num_classes=config.class_channels,
        has_quality=config.has_quality,
        score_mode=mode,
        quality_power=config.quality_power,
        num_attributes=config.num_attributes,
        multi_label=config.multi_label_mode != "none" or config.num_attributes > 0,
    )
