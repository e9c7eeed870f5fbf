"""Settings of the fine-tuning of a quantised graph: the flags and defaults of the original's ``uhd_qat.py``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from uhd.config import knob, same_knob
from uhd.config.groups import NetworkSize, Thresholds
from uhd.data.config import parse_classes
from uhd.export.espdl.config import TARGETS
from uhd.heads import SCORE_MODES
from uhd.losses.config import BOX_LOSSES
from uhd.resize import RESIZE_MODES, canonical_mode
from uhd.training.config import TrainConfig

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

    batch_size: int = same_knob(TrainConfig, "batch_size", 32, help="images per step", group=_TRAIN)
    epochs: int = same_knob(TrainConfig, "epochs", 10, help="epochs", group=_TRAIN)
    seed: int = same_knob(TrainConfig, "seed", 42, help="of split and order", group=_TRAIN)
    device: str | None = knob(None, "without effect: the simulated graph runs on the CPU", group=_TRAIN)
    threads: int = same_knob(TrainConfig, "threads", 0, group=_TRAIN)
    calib_steps: int = knob(32, "batches that show the ranges of activations first", group=_TRAIN, minimum=2)
    optimizer: str = same_knob(TrainConfig, "optimizer", "sgd", group=_TRAIN, choices=("sgd", "adamw"))
    lr: float = same_knob(TrainConfig, "lr", 1e-6, help="highest learning rate; the only one by default", group=_TRAIN)
    momentum: float = same_knob(TrainConfig, "momentum", 0.937, help="momentum of SGD", group=_TRAIN)
    weight_decay: float = same_knob(TrainConfig, "weight_decay", 5e-4, group=_TRAIN)
    warmup_steps: int = same_knob(TrainConfig, "warmup_steps", 0, group=_TRAIN)
    schedule: str = same_knob(TrainConfig, "schedule", "step", group=_TRAIN)
    final_lr: float = same_knob(TrainConfig, "final_lr", 1.0, group=_TRAIN)
    grad_clip_norm: float = same_knob(TrainConfig, "grad_clip_norm", 0.0, group=_TRAIN)
    use_ema: bool = same_knob(TrainConfig, "use_ema", False, help="measure and write averaged weights", group=_TRAIN)
    ema_decay: float = same_knob(TrainConfig, "ema_decay", 0.9995, group=_TRAIN)
    patience: int = same_knob(TrainConfig, "patience", 0, group=_TRAIN)

    use_quality: bool = knob(True, "use the quality output, where there is one, in loss and score", group=_LOSS)
    disable_cls: bool = knob(False, "leave the class output out of loss and score", group=_LOSS)
    iou_loss: str = knob("giou", "box term", group=_LOSS, choices=BOX_LOSSES)
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

    save_dir: Path = knob(Path("runs/uhd_qat"), "folder of the run and its results", group=_OUT)
    resume: Path | None = same_knob(
        TrainConfig, "resume", None, help="continue this last_*.pt, or the newest of a --save-dir, where it lies",
        group=_OUT,
    )  # fmt: skip
    overwrite: bool = same_knob(
        TrainConfig, "overwrite", False, help="move an earlier run in --save-dir aside, to <save-dir>.old-1, -2, ...",
        group=_OUT, presets={"original": True},
    )  # fmt: skip
    keep: int = same_knob(TrainConfig, "keep", 3, group=_OUT)
    save_minutes: float = same_knob(TrainConfig, "save_minutes", 5.0, group=_OUT)
    log_interval: int = same_knob(TrainConfig, "log_interval", 50, group=_OUT)
    tensorboard: bool = same_knob(TrainConfig, "tensorboard", True, group=_OUT)
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

    def training(self) -> TrainConfig:
        """Return how the one trainer runs it."""
        names = {field.name for field in dataclasses.fields(TrainConfig)}
        same = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name in names}
        place = {"output": self.save_dir.parent, "exp_name": self.save_dir.name}
        return TrainConfig(**(same | place), decay_all=True)
