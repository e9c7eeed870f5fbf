"""Settings of the fine-tuning of a quantised graph: the flags and defaults of the original's ``uhd_qat.py``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import knob, same_knob
from uhd.config.groups import NetworkSize, Thresholds
from uhd.data.config import parse_classes
from uhd.export.espdl.config import TARGETS
from uhd.heads import SCORE_MODES
from uhd.losses.config import IOU_LOSSES
from uhd.resize import RESIZE_MODES, canonical_mode

_MODEL, _DATA, _TRAIN, _LOSS, _EQUAL, _OUT = "model", "images", "training", "loss", "equalisation", "result"


@dataclass(frozen=True)
class FinetuneConfig:
    """What is fine-tuned, on what, how, and where the result goes."""

    onnx_model: Path | None = knob(
        None,
        "ONNX model without post-processing (.onnx), or a checkpoint (.safetensors, .pt); required",
        group=_MODEL,
    )
    target: str = knob("esp32p4", "chip", group=_MODEL, choices=TARGETS)
    num_of_bits: int = knob(8, "bits of weights and activations", group=_MODEL, choices=(8, 16))
    img_size: tuple[int, int] = same_knob(
        NetworkSize, "img_size", (64, 64), help="network size; the model's own wins", group=_MODEL
    )
    resize_mode: str = knob(
        "opencv_inter_nearest",
        "how an image becomes the input; what the model says wins unless this is given",
        group=_MODEL,
        choices=RESIZE_MODES,
        parse=canonical_mode,
    )

    image_dir: Path | None = knob(None, "folder of labelled images, a data.yaml or a list; required", group=_DATA)
    list_path: Path | None = knob(None, "text file that names the images, one per line", group=_DATA)
    train_list: Path | None = knob(None, "text file with one training image per line (with --val-list)", group=_DATA)
    val_list: Path | None = knob(None, "text file with one validation image per line (with --train-list)", group=_DATA)
    class_ids: tuple[int, ...] = knob((0,), "wanted class numbers", group=_DATA, parse=parse_classes)
    val_split: float = knob(
        0.1, "share of validation images where the data leaves it open", group=_DATA, minimum=0, maximum=1
    )
    num_workers: int = knob(8, "processes that prepare batches; 0: one thread", group=_DATA, minimum=0)

    batch_size: int = knob(32, "images per step", group=_TRAIN, minimum=1)
    epochs: int = knob(10, "epochs", group=_TRAIN, minimum=1)
    seed: int = knob(42, "of split and order", group=_TRAIN, minimum=0)
    device: str | None = knob(None, "without effect: the simulated graph runs on the CPU", group=_TRAIN)
    calib_steps: int = knob(32, "batches that show the ranges of activations first", group=_TRAIN, minimum=2)
    lr: float = knob(1e-6, "learning rate of SGD", group=_TRAIN, minimum=0)
    momentum: float = knob(0.937, "momentum of SGD", group=_TRAIN, minimum=0, maximum=1)
    weight_decay: float = knob(5e-4, "weight decay", group=_TRAIN, minimum=0)

    use_quality: bool = knob(True, "use the quality output, where there is one, in loss and score", group=_LOSS)
    disable_cls: bool = knob(False, "leave the class output out of loss and score", group=_LOSS)
    iou_loss: str = knob("giou", "overlap in the box term", group=_LOSS, choices=IOU_LOSSES)
    anchor_assigner: str = knob(
        "legacy",
        "which predictions learn a person; simota is the original's, which follows the IoU",
        group=_LOSS,
        choices=("legacy", "simota"),
    )
    anchor_cls_loss: str = knob("bce", "class term", group=_LOSS, choices=("bce", "focal"))
    simota_topk: int = knob(10, "most predictions per person in simota", group=_LOSS, minimum=1)

    no_equalization: bool = knob(False, "do not equalise weights between layers first", group=_EQUAL)
    equalization_iterations: int = knob(4, "rounds", group=_EQUAL, minimum=1)
    equalization_value_threshold: float = knob(0.4, "least weight that counts", group=_EQUAL, minimum=0)
    equalization_opt_level: int = knob(
        2, "1: between convolutions, 2: also across element-wise sums", group=_EQUAL, choices=(1, 2)
    )

    save_dir: Path = knob(Path("runs/uhd_qat"), "folder of the results", group=_OUT)
    output_prefix: str | None = knob(None, "name of the files (default: the model's)", group=_OUT)
    no_eval: bool = knob(False, "measure nothing; every epoch is kept, none is the best", group=_OUT)
    conf_thresh: float = same_knob(Thresholds, "conf_thresh", 0.15, help="threshold of the original's mAP", group=_OUT)
    nms_thresh: float | None = same_knob(
        Thresholds, "nms_iou", None, help="IoU at which boxes are duplicates, for the mAP (default: the model's)",
        group=_OUT, presets={"original": 0.5},
    )  # fmt: skip
    iou_thresh: float = knob(0.5, "least IoU of a hit, for the mAP", group=_OUT, minimum=0, maximum=1)
    score_mode: str = knob(
        "obj_quality_cls",
        "which outputs make the score; what the model says wins unless this is given",
        group=_OUT,
        choices=SCORE_MODES,
    )
    quality_power: float = knob(
        1.0, "exponent of the quality; what the model says wins unless this is given", group=_OUT, minimum=0
    )
