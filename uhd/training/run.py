"""From configurations to a finished run."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

import torch

from uhd.anchors import auto_anchors
from uhd.augment.pipeline import Pipeline
from uhd.config import validate
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.loader import Loader
from uhd.data.open import OpenedData, open_data, read_dataset
from uhd.errors import UserError
from uhd.losses.config import LossConfig
from uhd.models import ARCHITECTURES
from uhd.models.network import AnchorNetwork, DetectorNetwork, check_size
from uhd.models.weights import read_checkpoint, read_weights
from uhd.resize import input_channels
from uhd.training.checkpoint import newest_last
from uhd.training.config import TrainConfig
from uhd.training.detect import DetectTask
from uhd.training.distributed import Processes, join_processes
from uhd.training.trainer import Interrupted, Trainer


def run(train: TrainConfig, data: DataConfig, model: Any, loss: LossConfig) -> Path:
    """Train (or, with ``val_only``, measure) and return the run folder.

    Args:
        train: length, optimiser, schedule, saving.
        data: images, labels, size.
        model: configuration of the architecture that ``train.arch`` names.
        loss: objective.

    Raises:
        UserError: anything the user can mend, before anything is written.
        Interrupted: stopped by the user; the run is saved.
    """
    for config in (train, data, model, loss):
        validate(config, "flags")
    if train.resume is not None and train.ckpt is not None:
        raise UserError("--resume and --ckpt exclude each other: one continues a run, the other starts a new one")
    check_size(data.img_size, int(model.stride))
    processes = join_processes()
    device = choose_device(train.device, processes)
    if train.use_amp and device.type != "cuda" and processes.main:
        print("--use-amp: mixed precision needs a CUDA device; training in float32", file=sys.stderr)  # noqa: T201
    if train.threads:
        torch.set_num_threads(train.threads)
    last = find_last(train.resume)
    folder = last.parent if last is not None and not train.val_only else train.output / train.exp_name
    guard_folder(folder, train, resuming=last is not None)
    transform = Pipeline.load(train.aug_config, data.classes)
    opened = open_data(data, train.seed if data.split_seed is None else data.split_seed)
    dataset = read_dataset(opened.train, data, opened.report, processes.main)
    val = read_dataset(opened.val[: train.val_count], data, opened.report, processes.main)
    tell(opened, dataset, val, processes)
    torch.manual_seed(train.seed)
    network = build_model(model, train, data, opened, dataset).to(device)
    task = DetectTask(network, data, loss, val, opened.names, train.conf_thresh, train.coco_eval, train.coco_per_class)
    if train.val_only:
        if train.ckpt is None and last is None:
            raise UserError("--val-only needs --ckpt or --resume: which weights are to be measured?")
        if last is not None:
            network.load_state_dict(read_weights(last)[0])
        task.evaluate(network.eval())
        print(task.report.to_text() if task.report else "")  # noqa: T201
        return folder
    loader = Loader(
        dataset,
        transform,
        data.img_size,
        data.resize_mode,
        train.batch_size,
        train.seed,
        data.num_workers,
        processes.rank,
        processes.world,
        object_share=train.object_share,
    )
    trainer = Trainer(task, loader, train, folder, device, processes)
    if last is not None:
        trainer.restore(read_checkpoint(last), last)
    if processes.main:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        trainer.fit()
    except Interrupted:
        if processes.main:
            print(f"stopped; continue with --resume {folder}", file=sys.stderr)  # noqa: T201
        raise
    return folder


def choose_device(name: str | None, processes: Processes) -> torch.device:
    """Return the named device, or CUDA when there is one.

    Raises:
        UserError: the device does not exist here.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        print(f"--device {name}: no CUDA device here; training on the CPU", file=sys.stderr)  # noqa: T201
        name = "cpu"
    if name == "cuda" and processes.world > 1:
        name = f"cuda:{processes.local_rank}"
    try:
        return torch.device(name)
    except RuntimeError:
        raise UserError(f"--device {name}: not a device torch knows (cpu, cuda, cuda:1, mps)") from None


def find_last(resume: Path | None) -> Path | None:
    """Return the checkpoint to continue from: the file itself, or the newest good one of a run folder."""
    if resume is None:
        return None
    return newest_last(resume) if resume.is_dir() else resume


def guard_folder(folder: Path, train: TrainConfig, resuming: bool) -> None:
    """Refuse to write over another run.

    Raises:
        UserError: the folder holds a run, and neither ``--resume`` nor ``--overwrite`` was given.
    """
    if train.val_only or resuming or int(os.environ.get("RANK", "0")) or not folder.is_dir():
        return
    old = sorted([*folder.glob("last_*.pt"), *folder.glob("best_*.pt")])
    if old and not train.overwrite:
        raise UserError(f"{folder}: holds a run already; --resume {folder}, --overwrite, or another --exp-name")
    for path in old:
        path.unlink()
        path.with_suffix(".safetensors").unlink(missing_ok=True)
    (folder / "metrics.csv").unlink(missing_ok=True)


def build_model(
    config: Any, train: TrainConfig, data: DataConfig, opened: OpenedData, dataset: Dataset
) -> DetectorNetwork:
    """Return the network with anchors from the labels and, with ``--ckpt``, weights from a checkpoint.

    Raises:
        UserError: the checkpoint does not fit.
    """
    follows: dict[str, Any] = {"in_channels": input_channels(data.resize_mode), "num_classes": len(opened.names)}
    if train.auto_anchors and has_anchors(config) and not config.anchors:
        found = auto_anchors(dataset.label_sizes(), config.num_anchors, train.auto_anchors_alg, train.auto_anchors_bias)
        follows["anchors"] = tuple((float(w), float(h)) for w, h in found) if found.any() else ()
    network = ARCHITECTURES[train.arch].network(dataclasses.replace(config, **follows))
    if train.ckpt is not None:
        state, _ = read_weights(train.ckpt)
        try:
            network.load_state_dict(state, strict=not train.ckpt_non_strict)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:160]
            raise UserError(f"{train.ckpt}: belongs to another architecture: {reason}") from None
        # The anchors came with the weights; the configuration has to say the same.
        if isinstance(network, AnchorNetwork):
            network.set_anchors(network.anchors.tolist())
    return network


def has_anchors(config: Any) -> bool:
    """Whether a configuration describes a network with anchors."""
    return bool(getattr(config, "use_anchor", hasattr(config, "anchors")))


def tell(opened: OpenedData, dataset: Dataset, val: Dataset, processes: Processes) -> None:
    """Print what was found, once."""
    if not processes.main:
        return
    boxes = len(dataset.label_sizes()), len(val.label_sizes())
    print(f"{len(dataset)} training images with {boxes[0]} boxes, {len(val)} validation images with {boxes[1]}")  # noqa: T201
    for line in opened.report.lines():
        print(line)  # noqa: T201
