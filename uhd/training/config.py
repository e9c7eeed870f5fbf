"""How a run is trained, whatever the task: length, optimiser, schedule, averaging, saving."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import Search, knob

_RUN, _OPT, _EVAL = "run", "optimisation", "evaluation"


@dataclass(frozen=True)
class TrainConfig:
    """How a run is trained, whatever the task: length, optimiser, schedule, averaging, saving."""

    exp_name: str = knob("default", "the run is written to <output>/<exp-name>", group=_RUN, keras="ultratinyod")
    output: Path = knob(Path("runs"), "folder of runs", group=_RUN)
    overwrite: bool = knob(
        False,
        "start again under the name of an earlier run, which is moved aside to <exp-name>.old-1, -2, ...",
        group=_RUN,
        original=True,
        keras=True,
    )
    resume: Path | None = knob(
        None,
        "continue this last_*.pt (or the newest of a run folder) where it lies, or under --exp-name",
        group=_RUN,
    )
    ckpt: Path | None = knob(
        None,
        "start from the weights of this checkpoint or run folder; package, small or nano: those that come with uhd",
        group=_RUN,
        presets={"small": Path("small")},
    )
    ckpt_non_strict: bool = knob(False, "let --ckpt lack or carry extra weights", group=_RUN)
    seed: int = knob(
        0, "seed of split, weights, order and augmentation", group=_RUN, minimum=0, maximum=2**32 - 1, original=42,
        keras=42,
    )  # fmt: skip
    device: str | None = knob(None, "cpu, cuda, cuda:1, mps (default: cuda when there is one)", group=_RUN)
    threads: int = knob(0, "torch threads; 0: OMP_NUM_THREADS where it is set, else 1", group=_RUN, minimum=0)
    keep: int = knob(3, "newest best and last checkpoints kept", group=_RUN, minimum=1, original=10, keras=10)
    save_minutes: float = knob(
        5.0, "minutes between saved states within an epoch; 0: at the end of epochs only", group=_RUN, minimum=0
    )
    log_interval: int = knob(50, "steps between log lines", group=_RUN, minimum=1, original=10, keras=10)
    tensorboard: bool = knob(True, "write TensorBoard files when it is installed", group=_RUN)
    log_dir: Path | None = knob(None, "folder of the TensorBoard files (default: the run folder)", group=_RUN)

    epochs: int = knob(
        100, "passes over the training images", group=_OPT, minimum=1, presets={"small": 30, "prune": 40}
    )
    batch_size: int = knob(
        16, "images per step and process", group=_OPT, minimum=1, original=64, search=Search(8, 256, log=True), keras=32
    )
    optimizer: str = knob(
        "muon", "optimiser", group=_OPT, choices=("adamw", "sgd", "muon"), original="adamw", keras="adamw"
    )
    lr: float = knob(
        0.006,
        "highest learning rate",
        group=_OPT,
        minimum=0,
        exclusive_minimum=True,
        original=0.001,
        presets={"small": 0.0003, "prune": 0.003},
        search=Search(1e-4, 0.03, log=True),
        keras=0.001,
    )
    muon_lr: float = knob(
        0.03,
        "highest learning rate of the matrices under muon",
        group=_OPT,
        minimum=0,
        exclusive_minimum=True,
        presets={"small": 0.002, "prune": 0.015},
        search=Search(3e-3, 0.1, log=True),
    )
    momentum: float = knob(0.9, "momentum of sgd", group=_OPT, minimum=0, maximum=1, search=Search(0.8, 0.99))
    weight_decay: float = knob(
        0.02, "weight decay", group=_OPT, minimum=0, original=0.0001, search=Search(1e-5, 0.2, log=True), keras=0.0
    )
    decay_all: bool = knob(False, "decay norms, biases and scales too", group=_OPT, original=True, keras=True)
    warmup_steps: int = knob(
        300,
        "steps of linear warm-up, at most a quarter of the run",
        group=_OPT,
        minimum=0,
        original=0,
        presets={"small": 20, "prune": 100},
        search=Search(0, 1000),
        keras=0,
    )
    accumulate: int = knob(
        1, "batches per step: their gradients become that of one joined batch (batch-norm still sees one at a time)",
        group=_OPT, minimum=1,
    )  # fmt: skip
    lr_schedule: str = knob(
        "cosine", "how the rate falls after the warm-up: cosine, step (by --lr-gamma at every milestone) or constant",
        group=_OPT, choices=("cosine", "step", "constant"), keras="constant",
    )  # fmt: skip
    milestones: tuple[float, ...] = knob(
        (0.6, 0.85), "of --lr-schedule step: shares of the run below 1, else epochs", group=_OPT, minimum=0
    )
    lr_gamma: float = knob(
        0.1, "factor on the rate at every milestone", group=_OPT, minimum=0, maximum=1, exclusive_minimum=True
    )
    schedule: str = knob(
        "step", "whether the rate changes at every step or every epoch", group=_OPT, choices=("step", "epoch"),
        original="epoch", keras="epoch",
    )  # fmt: skip
    final_lr: float = knob(
        0.02,
        "last learning rate, as a share of the highest",
        group=_OPT,
        minimum=0,
        maximum=1,
        original=0.0,
        search=Search(0.001, 0.3, log=True),
        keras=1.0,
    )
    grad_clip_norm: float = knob(
        10.0,
        "largest gradient norm; 0 is off",
        group=_OPT,
        minimum=0,
        original=5.0,
        search=Search(1, 30, log=True),
        keras=0.0,
    )
    use_ema: bool = knob(True, "evaluate and ship averaged weights", group=_OPT, original=False, keras=False)
    average: str = knob(
        "ema", "what is averaged: ema (the newest weights most), or swa (all weights of --swa-share alike)", group=_OPT,
        choices=("ema", "swa"),
    )  # fmt: skip
    swa_share: float = knob(
        0.25, "last share of the run that swa averages; before it the weights themselves are evaluated", group=_OPT,
        minimum=0, maximum=1, exclusive_minimum=True,
    )  # fmt: skip
    ema_decay: float = knob(
        0.9995,
        "decay of the average",
        group=_OPT,
        minimum=0,
        maximum=1,
        original=0.9998,
        search=Search(0.99, 0.9999),
        keras=0.9999,
    )
    use_amp: bool = knob(False, "mixed precision on a GPU", group=_OPT)
    amp_dtype: str = knob("fp16", "type of mixed precision", group=_OPT, choices=("fp16", "bf16"))

    eval_interval: int = knob(1, "epochs between evaluations", group=_EVAL, minimum=1)
    patience: int = knob(0, "stop after so many evaluations without a better one; 0 never", group=_EVAL, minimum=0)
