"""A run of this task: everything is opened and checked, the folder is made its own, then it is trained."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from uhd.augment.pipeline import Pipeline
from uhd.config import from_plain
from uhd.data.config import DataConfig
from uhd.data.loader import Loader
from uhd.models.weights import read_checkpoint
from uhd.refer.config import PromptConfig, RatesConfig, ReferDataConfig, StartConfig
from uhd.refer.data import ReferData, open_refer
from uhd.refer.loss_config import ReferLossConfig
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.prompt_batches import PromptBatches
from uhd.refer.start import go_on, make_network
from uhd.refer.task import ReferTask
from uhd.training.config import TrainConfig
from uhd.training.device import choose_device
from uhd.training.distributed import Processes, join_processes
from uhd.training.failures import failures_told
from uhd.training.folder import check_apart_from, check_free, claim_folder, find_last
from uhd.training.hooks import Hook
from uhd.training.progress import say
from uhd.training.settings_file import write_settings_file
from uhd.training.threads import choose_threads
from uhd.training.trainer import Interrupted, Trainer

# Nothing that takes somebody out of the picture: what is said of the others would no longer be true. A closer look
# leaves all texts behind.
AUGMENTATION = {
    "HorizontalFlip": {"prob": 0.5},
    "RandomHSV": {"prob": 0.5, "hue": 0.0, "saturation": 0.2, "value": 0.2},
}


@dataclass(frozen=True)
class ReferSettings:
    """All configurations of a run.

    Attributes:
        train: length, optimiser, saving.
        data: pictures, size.
        model: parts of the network.
        prompts: what is asked for.
        loss: weights of the objective.
        rates: how fast each part learns.
        start: which parts have published weights.
        typed: fields that the user gave; a checkpoint does not replace those.
    """

    train: TrainConfig
    data: ReferDataConfig
    model: ReferModelConfig = ReferModelConfig()
    prompts: PromptConfig = PromptConfig()
    loss: ReferLossConfig = ReferLossConfig()
    typed: frozenset[str] = frozenset()
    rates: RatesConfig = RatesConfig()
    start: StartConfig = StartConfig()


@failures_told()
def train_refer(settings: ReferSettings, hooks: Iterable[Hook] = ()) -> Trainer:
    """Train to the end; returns the trainer, with its last metrics.

    Raises:
        UserError: anything the user can mend, before anything is written.
        Interrupted: stopped by the user; the run is saved.
    """
    processes = join_processes()
    last = find_last(settings.train.resume)
    if last is not None:
        settings = _resumed(settings, read_checkpoint(last), last)
    folder = _folder(settings, last)
    choose_threads(settings.train.threads)
    data = processes.main_first(lambda: open_refer(settings.data, processes.main))
    if processes.main:
        _tell(data)
    trainer = build_trainer(settings, data, folder, processes, hooks, last)
    if trainer.finished:
        say(f"{last}: the run is finished; --epochs {2 * trainer.epoch} trains on")
        return trainer
    if processes.main:
        said = claim_folder(folder, last)
        if said:
            say(said)
        configs = (
            settings.data, settings.train, settings.model, settings.prompts, settings.loss, settings.rates,
            settings.start,
        )  # fmt: skip
        write_settings_file(folder, "uhd refer train", configs, ("resume", "overwrite"))
    try:
        trainer.fit()
    except Interrupted as stop:
        if processes.main:
            print(stop, file=sys.stderr)  # noqa: T201
        raise
    report = getattr(trainer.task, "report", None)
    if processes.main and report is not None:
        say(report.to_text())
        best = folder / "best.safetensors"
        say(f"best: {best} (accuracy {trainer.best or 0:.4f}, epoch {trainer.best_epoch})")
        model = shlex.quote(str(best))
        say(f'next: uhd refer predict photo.jpg --model {model} --text "the leftmost one", or uhd refer export {model}')
    return trainer


def build_trainer(
    settings: ReferSettings,
    data: ReferData,
    folder: Path,
    processes: Processes | None = None,
    hooks: Iterable[Hook] = (),
    last: Path | None = None,
    augmentation: Mapping[str, Any] | None = None,
) -> Trainer:
    """Return a trainer over opened data; nothing is written.

    Args:
        settings: of the run.
        data: pictures of both parts.
        folder: where the run will be.
        processes: this one among several.
        hooks: of the user.
        last: checkpoint to continue.
        augmentation: operations, see :class:`~uhd.augment.pipeline.Pipeline`; by default those of this task.
    """
    train, processes = settings.train, processes or Processes()
    torch.manual_seed(train.seed)
    start = last or train.ckpt
    if start is None:
        texts = (text for record in data.train.records for said in record.objects.texts or () for text in said)
        network = make_network(settings.model, settings.start, texts)
    else:
        network = go_on(start, last is None, settings.start)
    network = network.to(choose_device(train.device, processes))
    task = ReferTask(network, settings.data, settings.loss, data.val, settings.prompts, settings.rates)
    pipeline = Pipeline.load(dict(operations_of(settings.data) if augmentation is None else augmentation))
    loader = Loader(
        data.train, pipeline, settings.data.img_size, settings.data.resize_mode, train.batch_size,
        train.seed, settings.data.num_workers, processes.rank, processes.world,
    )  # fmt: skip
    config, prompts = network.config, settings.prompts
    batches = PromptBatches(loader, network.vocabulary, prompts.shares(), prompts.prompts_per_image, config.max_words)
    trainer = Trainer(task, batches, train, folder, next(network.parameters()).device, processes, hooks)
    if last is not None:
        said = trainer.restore(read_checkpoint(last), last)
        if said and processes.main:
            say(said)
    return trainer


def operations_of(data: ReferDataConfig) -> dict[str, Any]:
    """Return the augmentation of a run as its settings have it."""
    return ({"CloserLook": {"prob": data.closer}} if data.closer else {}) | AUGMENTATION


def _resumed(settings: ReferSettings, state: dict[str, Any], last: Path) -> ReferSettings:
    """Return the settings with what the checkpoint says where the user said nothing."""
    kinds = {"train": ("train_config", TrainConfig), "data": ("refer_data", ReferDataConfig),
             "loss": ("refer_loss", ReferLossConfig), "prompts": ("refer_prompts", PromptConfig),
             "rates": ("refer_rates", RatesConfig)}  # fmt: skip
    changed: dict[str, Any] = {}
    for name, (key, kind) in kinds.items():
        own = getattr(settings, name)
        if isinstance(state.get(key), dict):
            kept: Any = from_plain(kind, state[key], str(last))
            typed = {f.name: getattr(own, f.name) for f in dataclasses.fields(kind) if f.name in settings.typed}
            changed[name] = dataclasses.replace(kept, **typed)
    if "train" in changed:
        changed["train"] = dataclasses.replace(changed["train"], resume=settings.train.resume)
    return dataclasses.replace(settings, **changed)


def _folder(settings: ReferSettings, last: Path | None) -> Path:
    if last is not None and not settings.typed & {"exp_name", "output"}:
        return last.parent
    folder = settings.train.output / settings.train.exp_name
    check_apart_from(folder, DataConfig(image_dir=settings.data.data))
    check_free(folder, last, settings.train.overwrite, "--output and --exp-name")
    return folder


def _tell(data: ReferData) -> None:
    for name, part in (("training", data.train), ("validation", data.val)):
        people = sum(record.objects.count for record in part.records)
        texts = sum(len(said) for record in part.records for said in record.objects.targets.texts or ())
        say(f"{len(part)} {name} pictures with {people} people and {texts} texts")
    for line in data.report.lines():
        say(line)
