"""Everything that a run needs, opened and checked before anything is written."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from uhd.augment.pipeline import Pipeline
from uhd.compress.magnitude import keep_zeros
from uhd.data.dataset import Dataset
from uhd.data.multi_label import arrange_classes
from uhd.data.open import OpenedData, open_data, read_dataset
from uhd.detect.batches import build_loader
from uhd.detect.broken import BrokenImages
from uhd.detect.distill import build_distillation
from uhd.detect.folder import check_folder, run_folder
from uhd.detect.network import build_network
from uhd.detect.original_run import adopt, is_original
from uhd.detect.settings import Settings
from uhd.detect.task import DetectTask
from uhd.detect.teacher import load_teachers, take_anchors
from uhd.errors import UserError
from uhd.losses.class_weights import class_weights
from uhd.losses.config import LossConfig
from uhd.models.network import DetectorNetwork, check_size
from uhd.models.weights import read_checkpoint, read_weights
from uhd.trained_on import TrainedOn, sketch_of
from uhd.training.device import choose_device
from uhd.training.distributed import Processes, join_processes
from uhd.training.folder import find_last
from uhd.training.hooks import Hook
from uhd.training.progress import say
from uhd.training.schedule import warmup_of
from uhd.training.threads import choose_threads
from uhd.training.trainer import Trainer


@dataclass(frozen=True, eq=False)
class Plan:
    """A run that could start.

    Attributes:
        settings: as they are in force.
        folder: where it will be written.
        last: checkpoint that it continues, or None.
        network: on its device.
        dataset: training images.
        task: network, objective and measure.
        trainer: None with ``--val-only``.
        processes: this process among several.
        broken: images that could not be read again while training.
    """

    settings: Settings
    folder: Path
    last: Path | None
    network: DetectorNetwork
    dataset: Dataset
    task: DetectTask
    trainer: Trainer | None
    processes: Processes
    broken: BrokenImages


def make_plan(settings: Settings, hooks: Iterable[Hook] = ()) -> Plan:
    """Read data, YAML, checkpoint and model; nothing is written but the cache of decoded images.

    Args:
        settings: of the run.
        hooks: of the user.

    Raises:
        UserError: anything the user can mend.
    """
    settings.check()
    processes = join_processes()
    settings, device = _in_force(settings, processes)
    train, detect, data = settings.train, settings.detect, settings.data
    check_size(data.img_size, int(settings.model.stride))
    choose_threads(train.threads)
    last = find_last(train.resume)
    folder = run_folder(settings, last)
    processes.main_first(lambda: check_folder(folder, settings, last) if processes.main else None)
    teachers = None if detect.val_only else load_teachers(settings.distill, data.img_size, data.resize_mode)
    override = settings.distill.override_from_teacher_anchors and not detect.val_only
    settings = dataclasses.replace(settings, model=take_anchors(settings.model, teachers, override))
    transform = Pipeline.load(detect.aug_config, data.classes)
    val_transform = None if detect.val_aug_config is None else Pipeline.load(detect.val_aug_config, data.classes)
    opened, dataset, val = _read(settings, processes)
    settings = dataclasses.replace(settings, loss=_weighed(settings, dataset))
    torch.manual_seed(train.seed)
    network = build_network(settings, opened, dataset).to(device)
    _tell_anchors(settings, network, processes)
    distillation = build_distillation(network, teachers, settings.distill, data, train.epochs, device)
    if teachers is not None and processes.main:
        say(distillation.summary() if distillation else "the teacher teaches nothing: every --distill weight is 0")
    task = DetectTask(
        network, data, settings.loss, val, opened.names, detect.conf_thresh, detect.coco_eval, detect.coco_per_class,
        distillation, val_transform, detect, settings.prune,
    )  # fmt: skip
    task.trained_on = _trained_on(settings, dataset)
    broken = BrokenImages(say, data.strict)
    if detect.val_only:
        _take_weights(network, train.ckpt, last)
        return Plan(settings, folder, last, network, dataset, task, None, processes, broken)
    view = distillation.view if distillation is not None else None
    if detect.multi_scale and network.kind == "queries":
        raise UserError("--multi-scale: a transformer's position code is that of one size; leave it out")
    loader = build_loader(settings, dataset, transform, processes, view, broken)
    trainer = Trainer(task, loader, train, folder, device, processes, hooks)
    if last is not None:
        _continue(trainer, last, processes)
    if settings.prune.magnitude is not None:
        keep_zeros(trainer.stepper.optimiser, network)
    if processes.main:
        _tell_warmup(trainer)
    return Plan(settings, folder, last, network, dataset, task, trainer, processes, broken)


def _in_force(settings: Settings, processes: Processes) -> tuple[Settings, torch.device]:
    """Return the settings without what this machine cannot do, and the device."""
    train, data = settings.train, arrange_classes(settings.data)
    device = choose_device(train.device, processes)
    if train.use_amp and device.type != "cuda":
        _warn(processes, "--use-amp: mixed precision needs a CUDA device; training in float32")
    if train.use_amp and settings.quantisation.qat:
        train = dataclasses.replace(train, use_amp=False)  # ranges observed in half precision would be coarse
    if processes.world > 1 and data.cache == "ram":
        data = dataclasses.replace(data, cache="file")  # decoded once, and one copy in memory for all processes
    if settings.detect.heatmap is not None and not settings.detect.val_only:
        _warn(processes, "--heatmap: heat maps are drawn with --val-only")
    return dataclasses.replace(settings, train=train, data=data), device


def _read(settings: Settings, processes: Processes) -> tuple[OpenedData, Dataset, Dataset]:
    """Open both splits and decode their images, in the main process first: the others find its cache."""
    data, train = settings.data, settings.train

    def read() -> tuple[OpenedData, Dataset, Dataset]:
        opened = open_data(data, train.seed if data.split_seed is None else data.split_seed)
        dataset = read_dataset(opened.train, data, opened.report, processes.main)
        val = read_dataset(opened.val[: settings.detect.val_count], data, opened.report, processes.main)
        return opened, dataset, val

    opened, dataset, val = processes.main_first(read)
    if processes.main:
        boxes = len(dataset.label_sizes()), len(val.label_sizes())
        say(f"{len(dataset)} training images with {boxes[0]} boxes, {len(val)} validation images with {boxes[1]}")
        for line in opened.report.lines():
            say(line)
        for part, count in zip(("training", "validation"), boxes, strict=True):
            if not count:
                _warn(processes, f"no {part} image shows a person: check --image-dir, --classes and the labels")
    return opened, dataset, val


def _weighed(settings: Settings, dataset: Dataset) -> LossConfig:
    """Return the objective's settings with the weights of the classes as numbers."""
    loss, classes = settings.loss, len(settings.data.classes)
    if loss.class_weights == "none" or settings.detect.val_only:
        return dataclasses.replace(loss, class_weights="none")
    labels = np.concatenate([record.objects.labels for record in dataset.records])
    weights = class_weights(loss.class_weights, np.bincount(labels[labels >= 0], minlength=classes).tolist())
    return dataclasses.replace(loss, class_weights=",".join(f"{each:.6g}" for each in weights))


def _trained_on(settings: Settings, dataset: Dataset) -> TrainedOn:
    """Return what a model file says of its training images."""
    data, images = settings.data, [record.image for record in dataset.records]
    place = (data.image_dir or data.train_list or Path()).resolve()
    seed = settings.train.seed if data.split_seed is None else data.split_seed
    return TrainedOn(
        place.name, seed, data.train_split, data.val_split, data.split_by, images=len(images), sketch=sketch_of(images)
    )


def _take_weights(network: DetectorNetwork, ckpt: Path | None, last: Path | None) -> None:
    if ckpt is None and last is None:
        raise UserError("--val-only needs --ckpt or --resume: which weights are to be measured?")
    if last is not None:
        network.load_state_dict(read_weights(last)[0])


def _continue(trainer: Trainer, last: Path, processes: Processes) -> None:
    state = read_checkpoint(last)
    said = adopt(trainer, state, last) if is_original(state) else trainer.restore(state, last)
    if said and processes.main:
        say(said)


def _tell_warmup(trainer: Trainer) -> None:
    config, steps = trainer.config, trainer.steps_per_epoch
    warmup = warmup_of(config, steps)
    if warmup < config.warmup_steps and not trainer.finished:
        say(
            f"--warmup-steps {config.warmup_steps} is more than a quarter of the run's {steps * config.epochs} steps: "
            f"warming up for {warmup}"
        )


def _tell_anchors(settings: Settings, network: DetectorNetwork, processes: Processes) -> None:
    given, had = getattr(settings.model, "num_anchors", None), getattr(network.config, "num_anchors", None)
    if "num_anchors" in settings.typed and given != had:
        _warn(processes, f"--num-anchors {given}: {had} anchors are given, by --anchors or the checkpoint, and taken")


def _warn(processes: Processes, text: str) -> None:
    if processes.main:
        print(text, file=sys.stderr)  # noqa: T201
