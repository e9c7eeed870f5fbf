"""How ``uhd predict`` searches an image, and where the results go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.config import knob, same_knob
from uhd.config.groups import EnsembleFlags, ModelFile, RayFlags, RuntimeFlags, Thresholds, Unsaid
from uhd.heads import SCORE_MODES
from uhd.nms.config import SuppressionFlags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from uhd.detections import Detections
    from uhd.runtime.detector import Detector


@dataclass(frozen=True)
class PredictConfig(ModelFile, EnsembleFlags, Thresholds, SuppressionFlags, Unsaid, RuntimeFlags, RayFlags):
    """How images are searched and where the results go."""

    output: Path = knob(Path("runs/predict"), "folder of drawn images")
    json: Path | None = knob(None, "write one JSON line per image or frame; - writes to standard output")
    ray: str | None = same_knob(
        RayFlags, "ray", None,
        help="address of a Ray cluster, or local to start one here: images only, JSON lines by shard in --output",
    )  # fmt: skip
    parquet: bool = knob(False, "with --ray: Parquet files in place of JSON lines, a row per image")
    csv: Path | None = knob(None, "write one CSV row per detection; - writes to standard output")
    coco: Path | None = knob(None, "write all detections as COCO results, which pycocotools reads")
    save_txt: bool = knob(False, "write YOLO label files beside the drawn images")
    draw: bool = knob(True, "write or show drawn images")
    heatmap: str | None = knob(
        None, "beside each drawn image, what every layer of a checkpoint puts out, over its channels",
        choices=("mean", "sum"), shortcuts={"with_heatmap_mean": "mean", "with_heatmap_sum": "sum"},
    )  # fmt: skip
    strict: bool = knob(False, "exit with 2 when an image cannot be read")
    record: Path | None = knob(None, "record a video or camera to this .mp4 or .webm")
    serve: int | None = knob(None, "show a video or camera in the browser on this port of localhost", minimum=0)
    actual_size: bool = knob(False, "show what the model sees: the image at network size, enlarged")
    dynamic_threshold: bool = knob(False, "try half the threshold when nothing is found")
    max_frames: int | None = knob(None, "stop a video or camera after so many frames", minimum=1)
    tiles: int = knob(
        0, "search every frame in overlapping tiles with at most so many network calls; 0 looks once", minimum=0
    )
    tile_overlap: float = knob(0.25, "share of a tile's side that its neighbour sees too", minimum=0, maximum=0.9)
    track: bool = knob(False, "number the people of a video: the same person keeps its number")
    track_patience: int = knob(30, "frames for which a person may be out of sight and keep its number", minimum=0)
    count_line: tuple[str, ...] = knob(
        (), "count who crosses the line x,y,x,y (shares of the frame) in a video; may be given several times",
        repeat=True,
    )  # fmt: skip
    count_zone: tuple[str, ...] = knob(
        (),
        "count who stands in the polygon x,y,x,y,x,y,... (shares of the frame); may be given several times",
        repeat=True,
    )
    mqtt: str | None = knob(
        None, "tell an MQTT broker who is in a video: mqtt://user:password@host:1883/topic; Home Assistant finds it"
    )
    overwrite: bool = knob(False, "replace pictures and recordings of the same name; without it new ones get a number")
    score_mode: str | None = knob(
        None, "which branches make the score of raw outputs (default: as the file says)", choices=SCORE_MODES
    )
    heads: int | None = knob(None, "attention heads of a transformer whose file does not say", minimum=1)
    quality_power: float | None = knob(None, "exponent of the quality in that score", minimum=0)


def detect(detector: Detector, image: NDArray[np.uint8], config: PredictConfig) -> Detections:
    """Search one image (H, W, 3) as the flags say."""
    overlap = config.nms_iou if config.use_nms else 0.0
    found = detector(image, config.conf_thresh, overlap)
    if not len(found) and config.dynamic_threshold:
        threshold = detector.spec.conf_thresh if config.conf_thresh is None else config.conf_thresh
        found = detector(image, min(threshold, max(0.05, threshold / 2)), overlap)
    return found if config.most is None else found[: config.most]
