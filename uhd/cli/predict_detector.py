"""The detector that the flags of ``uhd predict`` describe: one file, an ensemble, mirrored, in tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uhd.cli.predict_config import PredictConfig

if TYPE_CHECKING:
    from uhd.runtime.detector import Detector


def load_detector(config: PredictConfig) -> Detector:
    """Return the detector that the flags describe."""
    from uhd.load import load

    detector = load(
        [config.model, *config.ensemble], tta=config.tta, nms_type=config.nms_type,
        nms_iou=config.nms_iou if config.ensemble or config.tta != "none" else None,
        threads=config.threads, resize_mode=config.resize_mode, input_size=config.img_size,
        score_mode=config.score_mode, quality_power=config.quality_power, heads=config.heads,
    )  # fmt: skip
    if not config.tiles:
        return detector
    from uhd.runtime.detector import Detector
    from uhd.runtime.tiles import TiledPredictor, Tiling

    return Detector(TiledPredictor(detector.predictor, Tiling(config.tiles, config.tile_overlap)))
