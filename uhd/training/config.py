"""How a run is trained: length, optimiser, schedule, averaging, saving."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.anchors import ALGORITHMS
from uhd.config import Search, knob
from uhd.models import ARCHITECTURES

_RUN, _OPT, _EVAL = "run", "optimisation", "evaluation"


@dataclass(frozen=True)
class TrainConfig:
    """How a run is trained: length, optimiser, schedule, averaging, saving."""

    arch: str = knob("ultratinyod", "architecture", group=_RUN, choices=tuple(ARCHITECTURES), original="cnn")
    exp_name: str = knob("default", "the run is written to <output>/<exp-name>", group=_RUN)
    output: Path = knob(Path("runs"), "folder of runs", group=_RUN)
    overwrite: bool = knob(False, "start again in a run folder that already holds a run", group=_RUN, original=True)
    resume: Path | None = knob(None, "continue this last_*.pt (or the newest one of a run folder)", group=_RUN)
    ckpt: Path | None = knob(None, "start from the weights of this checkpoint", group=_RUN)
    ckpt_non_strict: bool = knob(False, "let --ckpt lack or carry extra weights", group=_RUN)
    seed: int = knob(0, "seed of split, weights, order and augmentation", group=_RUN, minimum=0, original=42)
    device: str | None = knob(None, "cpu, cuda, cuda:1, mps (default: cuda when there is one)", group=_RUN)
    threads: int = knob(0, "torch threads; 0 leaves torch's default", group=_RUN, minimum=0)
    keep: int = knob(3, "newest best and last checkpoints kept", group=_RUN, minimum=1, original=10)
    samples: int = knob(10, "validation images drawn with their boxes at a new best", group=_RUN, minimum=0)
    log_interval: int = knob(10, "steps between log lines", group=_RUN, minimum=1)
    tensorboard: bool = knob(True, "write TensorBoard files when it is installed", group=_RUN)

    epochs: int = knob(100, "passes over the training images", group=_OPT, minimum=1)
    batch_size: int = knob(
        16, "images per step and process", group=_OPT, minimum=1, original=64, search=Search(8, 256, log=True)
    )
    optimizer: str = knob("muon", "optimiser", group=_OPT, choices=("adamw", "sgd", "muon"), original="adamw")
    lr: float = knob(
        0.006,
        "highest learning rate",
        group=_OPT,
        minimum=0,
        exclusive_minimum=True,
        original=0.001,
        search=Search(1e-4, 0.03, log=True),
    )
    muon_lr: float = knob(
        0.03,
        "highest learning rate of the matrices under muon",
        group=_OPT,
        minimum=0,
        exclusive_minimum=True,
        search=Search(3e-3, 0.1, log=True),
    )
    momentum: float = knob(0.9, "momentum of sgd", group=_OPT, minimum=0, maximum=1, search=Search(0.8, 0.99))
    weight_decay: float = knob(
        0.02, "weight decay", group=_OPT, minimum=0, original=0.0001, search=Search(1e-5, 0.2, log=True)
    )
    decay_all: bool = knob(False, "decay norms, biases and scales too", group=_OPT, original=True)
    warmup_steps: int = knob(300, "steps of linear warm-up", group=_OPT, minimum=0, original=0, search=Search(0, 1000))
    schedule: str = knob(
        "step", "cosine per step or per epoch", group=_OPT, choices=("step", "epoch"), original="epoch"
    )
    final_lr: float = knob(
        0.02,
        "last learning rate, as a share of the highest",
        group=_OPT,
        minimum=0,
        maximum=1,
        original=0.0,
        search=Search(0.001, 0.3, log=True),
    )
    grad_clip_norm: float = knob(
        10.0, "largest gradient norm; 0 is off", group=_OPT, minimum=0, original=5.0, search=Search(1, 30, log=True)
    )
    use_ema: bool = knob(True, "evaluate and ship averaged weights", group=_OPT, original=False)
    ema_decay: float = knob(
        0.9995, "decay of the average", group=_OPT, minimum=0, maximum=1, original=0.9998, search=Search(0.99, 0.9999)
    )
    use_amp: bool = knob(False, "mixed precision on a GPU", group=_OPT)
    amp_dtype: str = knob("fp16", "type of mixed precision", group=_OPT, choices=("fp16", "bf16"))
    aug_config: Path | None = knob(
        None, "augmentation YAML (default: our recipe)", group=_OPT, original=Path("uhd/aug.yaml")
    )
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
    )
    auto_anchors: bool = knob(True, "choose anchors from the training boxes", group=_OPT, original=False)
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

    eval_interval: int = knob(1, "epochs between evaluations", group=_EVAL, minimum=1)
    patience: int = knob(0, "stop after so many evaluations without a better AP50; 0 never", group=_EVAL, minimum=0)
    conf_thresh: float = knob(
        0.3, "score threshold of drawn samples and of the original's mAP", group=_EVAL, minimum=0, maximum=1
    )
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
