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
from uhd.compress.config import QuantiseConfig
from uhd.compress.fake_quantise import fitted, quantise
from uhd.config import validate
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.loader import Loader
from uhd.data.multi_label import LabelRoles, arranged, objects_only, roles_of
from uhd.data.open import OpenedData, open_data, read_dataset
from uhd.data.records import box_sizes
from uhd.detect.distill import build_distillation
from uhd.detect.original_run import adopt, is_original
from uhd.detect.task import DetectTask
from uhd.detect.teacher import load_teachers, take_anchors
from uhd.errors import UserError
from uhd.evaluation.anchor_plot import plot_anchors
from uhd.losses.config import LossConfig
from uhd.losses.distillation.config import DistillConfig
from uhd.models import ARCHITECTURES
from uhd.models.network import AnchorNetwork, DetectorNetwork, check_size
from uhd.models.weights import read_checkpoint, read_weights
from uhd.resize import input_channels
from uhd.training.checkpoint import newest_last
from uhd.training.config import TrainConfig
from uhd.training.distributed import Processes, join_processes
from uhd.training.trainer import Interrupted, Trainer

ANCHOR_PLOT = "auto_anchors.png"
VAL_ONLY = "val_only"


def run(
    train: TrainConfig,
    data: DataConfig,
    model: Any,
    loss: LossConfig,
    quantisation: QuantiseConfig | None = None,
    distill: DistillConfig | None = None,
) -> Path:
    """Train (or, with ``val_only``, measure) and return the run folder.

    Args:
        train: length, optimiser, schedule, saving.
        data: images, labels, size.
        model: configuration of the architecture that ``train.arch`` names.
        loss: objective.
        quantisation: fake quantisation of the network.
        distill: teachers, and what is learnt from them.

    Raises:
        UserError: anything the user can mend, before anything is written.
        Interrupted: stopped by the user; the run is saved.
    """
    quantisation, distill = quantisation or QuantiseConfig(), distill or DistillConfig()
    for config in (train, data, model, loss, quantisation, distill):
        validate(config, "flags")
    data = arranged(data)
    if train.resume is not None and train.ckpt is not None:
        raise UserError("--resume and --ckpt exclude each other: one continues a run, the other starts a new one")
    check_size(data.img_size, int(model.stride))
    processes = join_processes()
    device = choose_device(train.device, processes)
    if train.use_amp and device.type != "cuda" and processes.main:
        print("--use-amp: mixed precision needs a CUDA device; training in float32", file=sys.stderr)  # noqa: T201
    if train.use_amp and quantisation.qat:
        train = dataclasses.replace(train, use_amp=False)  # ranges observed in half precision would be coarse
    if train.threads:
        torch.set_num_threads(train.threads)
    last = find_last(train.resume)
    folder = last.parent if last is not None and not train.val_only else train.output / train.exp_name
    teachers = None if train.val_only else load_teachers(distill, data.img_size, data.resize_mode)
    model = take_anchors(model, teachers, distill.override_from_teacher_anchors and not train.val_only)
    guard_folder(folder, train, resuming=last is not None)
    transform = Pipeline.load(train.aug_config, data.classes)
    val_transform = None if train.val_aug_config is None else Pipeline.load(train.val_aug_config, data.classes)
    opened = open_data(data, train.seed if data.split_seed is None else data.split_seed)
    dataset = read_dataset(opened.train, data, opened.report, processes.main)
    val = read_dataset(opened.val[: train.val_count], data, opened.report, processes.main)
    tell(opened, dataset, val, processes)
    torch.manual_seed(train.seed)
    network = build_model(model, train, data, opened, dataset, quantisation).to(device)
    distillation = build_distillation(network, teachers, distill, data, train.epochs, device)
    if teachers is not None and processes.main:
        print(distillation.summary() if distillation else "the teacher teaches nothing: every --distill weight is 0")  # noqa: T201
    if processes.main:
        draw_anchors(network, dataset, train, roles_of(data), folder)
    task = DetectTask(
        network,
        data,
        loss,
        val,
        opened.names,
        train.conf_thresh,
        train.coco_eval,
        train.coco_per_class,
        distillation,
        val_transform,
    )
    if train.val_only:
        if train.ckpt is None and last is None:
            raise UserError("--val-only needs --ckpt or --resume: which weights are to be measured?")
        if last is not None:
            network.load_state_dict(read_weights(last)[0])
        metrics = task.evaluate(network.eval())
        print(task.report.to_text() if task.report else "")  # noqa: T201
        for name, value in metrics.items():
            if name.startswith(("COCO/", "AP50/class ")):
                print(f"  {name}  {value:.4f}")  # noqa: T201
        if processes.main:
            written = task.write_report(folder / VAL_ONLY)
            task.draw_samples(network, folder / VAL_ONLY, train.samples, train.heatmap)
            print(f"wrote {written}")  # noqa: T201
        return folder
    if train.heatmap is not None and processes.main:
        print("--heatmap: heat maps are drawn with --val-only", file=sys.stderr)  # noqa: T201
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
        teacher_view=distillation.view if distillation is not None else None,
    )
    trainer = Trainer(task, loader, train, folder, device, processes)
    if last is not None:
        state = read_checkpoint(last)
        if is_original(state):
            said = adopt(trainer, state, last)
            if processes.main:
                print(said)  # noqa: T201
        else:
            trainer.restore(state, last)
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
    if old and train.ckpt is not None and train.ckpt.parent.resolve() == folder.resolve():
        raise UserError(f"{folder}: --overwrite would delete --ckpt {train.ckpt.name} with it: give another --exp-name")
    for path in old:
        path.unlink()
        path.with_suffix(".safetensors").unlink(missing_ok=True)
    (folder / "metrics.csv").unlink(missing_ok=True)


def build_model(
    config: Any,
    train: TrainConfig,
    data: DataConfig,
    opened: OpenedData,
    dataset: Dataset,
    quantisation: QuantiseConfig,
) -> DetectorNetwork:
    """Return the network with anchors from the labels and, with ``--ckpt``, weights from a checkpoint.

    Raises:
        UserError: the checkpoint does not fit.
    """
    roles = roles_of(data)
    follows: dict[str, Any] = {"in_channels": input_channels(data.resize_mode), "num_classes": len(opened.names)}
    if roles.mode != "none":
        follows |= multi_label(config, train.arch, roles)
    if train.auto_anchors and train.ckpt is None and has_anchors(config) and not config.anchors:
        sizes = box_sizes(objects_only(dataset.records, roles))
        found = auto_anchors(sizes, config.num_anchors, train.auto_anchors_alg, train.auto_anchors_bias)
        follows["anchors"] = tuple((float(w), float(h)) for w, h in found) if found.any() else ()
    network = quantise(ARCHITECTURES[train.arch].network(dataclasses.replace(config, **follows)), quantisation)
    if train.ckpt is not None:
        load_start(network, train.ckpt, not train.ckpt_non_strict)
        # The anchors came with the weights, unless the configuration says others; both have to say the same.
        if isinstance(network, AnchorNetwork):
            network.set_anchors(config.anchors or network.anchors.tolist())
    return network


def draw_anchors(
    network: DetectorNetwork, dataset: Dataset, train: TrainConfig, roles: LabelRoles, folder: Path
) -> None:
    """Draw training boxes and anchors (``--auto-anchors-plot``), in the run folder unless a path is given."""
    if not (train.auto_anchors_plot or train.auto_anchors_plot_path):
        return
    if not isinstance(network, AnchorNetwork):
        print(f"--auto-anchors-plot: --arch {network.arch} without anchors", file=sys.stderr)  # noqa: T201
        return
    sizes = box_sizes(objects_only(dataset.records, roles))
    path = train.auto_anchors_plot_path or folder / ANCHOR_PLOT
    print(f"wrote {plot_anchors(sizes, network.anchors.detach().cpu().numpy(), path)}")  # noqa: T201


def load_start(network: DetectorNetwork, path: Path, strict: bool) -> None:
    """Load the weights that a run starts from; without ``strict`` only those that the network has, in its shapes.

    Raises:
        UserError: they do not fit.
    """
    state = fitted(read_weights(path)[0], network)
    if not strict:
        own = network.state_dict()
        state = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
        if len(state) < len(own):
            print(f"{path.name}: {len(own) - len(state)} of {len(own)} tensors are not in it and start fresh")  # noqa: T201
    try:
        network.load_state_dict(state, strict=strict)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path}: belongs to another architecture: {reason}") from None


def multi_label(config: Any, arch: str, roles: LabelRoles) -> dict[str, Any]:
    """Return the fields of a network whose objects may have several labels.

    Raises:
        UserError: the architecture has no such labels, or no classes at all.
    """
    if not hasattr(config, "num_attributes"):
        raise UserError(f"--multi-label-mode {roles.mode} is for --arch ultratinyod, not {arch}")
    if config.disable_cls:
        raise UserError(f"--disable-cls leaves no branch for the labels of --multi-label-mode {roles.mode}")
    separate = len(roles.attributes) if roles.mode == "separate" else 0
    classes = len(roles.classes) - separate
    return {"num_classes": classes, "num_attributes": separate, "multi_label_mode": roles.mode}


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
