"""A run of fine-tuning: quantise, make the folder its own, train; every epoch becomes files for the chip."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.config import from_plain
from uhd.data.dataset import Dataset
from uhd.data.loader import Loader
from uhd.data.split import spread
from uhd.errors import UserError
from uhd.export.espdl.finetune.config import FinetuneConfig
from uhd.export.espdl.finetune.files import EpochFiles
from uhd.export.espdl.finetune.graph import QuantisedGraph
from uhd.export.espdl.finetune.outputs import score_metadata, wanted_outputs
from uhd.export.espdl.finetune.task import FinetuneTask, measure
from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.prepare import Prepared
from uhd.export.espdl.quantise import Quantisation, quantise
from uhd.export.espdl.record import describe
from uhd.export.espdl.simulator import constants_to_metadata
from uhd.export.espdl.write import write_espdl
from uhd.models.weights import read_checkpoint
from uhd.resize import to_network
from uhd.training.distributed import number_in_environment
from uhd.training.folder import check_free, claim_folder
from uhd.training.progress import say
from uhd.training.settings_file import write_settings_file
from uhd.training.threads import choose_threads
from uhd.training.trainer import Trainer

# They say how this run came about: no part of what is repeated.
_NOT_REPEATED = ("resume", "overwrite")
# Where a run reads and writes is up to the user of today, never to a file.
_PLACES = ("resume", "overwrite", "save_dir")
_SCORE = ("score_mode", "quality_power", "every_class_counts")


@dataclass(frozen=True, eq=False)
class Source:
    """What is fine-tuned, on what.

    Attributes:
        prepared: the float graph.
        spec: how it is fed.
        train, val: images.
        typed: fields that the user gave, now or when the run began.
        last: checkpoint that is continued, or None.
    """

    prepared: Prepared
    spec: ModelSpec
    train: Dataset
    val: Dataset
    typed: frozenset[str]
    last: Path | None


def take_settings(config: FinetuneConfig, typed: frozenset[str], last: Path) -> tuple[FinetuneConfig, frozenset[str]]:
    """Return the settings of the run that is continued where the user typed none, and all that were ever typed.

    Raises:
        UserError: the file is no checkpoint of such a run.
    """
    state = read_checkpoint(last)
    saved = state.get("finetune_config")
    if not isinstance(saved, Mapping):
        raise UserError(f"{last}: is no checkpoint of a fine-tuning for ESP-DL")
    names = {field.name for field in dataclasses.fields(config)} - typed - set(_PLACES)
    table = {name: value for name, value in saved.items() if name in names}
    taken = from_plain(FinetuneConfig, table, str(last), config)
    if "save_dir" not in typed:
        taken = dataclasses.replace(taken, save_dir=last.parent)
    return taken, typed | frozenset(state.get("finetune_typed", ()))


def finetune(config: FinetuneConfig, source: Source) -> Trainer:
    """Quantise, train and write every epoch; returns the trainer as it ended.

    Raises:
        UserError: the model does not fit the flags, the folder holds another run, or the loss is not finite.
        Interrupted: stopped by the user; the run is saved.
    """
    if number_in_environment("WORLD_SIZE", 1) > 1:
        raise UserError("fine-tuning for ESP-DL runs in one process; start it without torchrun")
    choose_threads(config.threads)
    check_free(config.save_dir, source.last, config.overwrite, "--save-dir")
    prepared, spec, train = source.prepared, source.spec, source.train
    outputs = wanted_outputs([entry.name for entry in prepared.model.graph.output], config, source.typed)
    table = {**spec.to_metadata(), **constants_to_metadata(prepared.constants)}
    score = {key: prepared.metadata[key] for key in _SCORE if prepared.metadata.get(key)}
    table = score_metadata({**table, **score}, outputs, config, source.typed)
    name = config.output_prefix or (config.onnx_model.stem if config.onnx_model else "model")
    said = claim_folder(config.save_dir, source.last)
    if said:
        say(said)
    write_settings_file(config.save_dir, "python uhd/uhd_qat.py", [config], _NOT_REPEATED)

    log, how, images = config.save_dir / f"{name}.log", quantisation_of(config), _calibration(config, source)
    say(f"quantising for {config.target} on {len(images)} images (esp-ppq prints to {log})")
    quantised = quantise(prepared.model, images, how, log=log)
    torch.manual_seed(config.seed)
    calibration = _digest(quantised.graph)
    kept = {"finetune_typed": sorted(source.typed), "calibration": calibration}
    graph = QuantisedGraph(quantised.graph)
    task = FinetuneTask(graph, prepared.constants, table, spec, outputs, source.val, config, kept)
    loader = Loader(train, None, spec.input_size, spec.resize_mode, config.batch_size, config.seed, config.num_workers)
    write = partial(_write, model=quantised.model, how=how, image=images[:1], metadata=table, log=log)
    files = EpochFiles(write, config.save_dir, name)
    trainer = Trainer(task, loader, config.training(), config.save_dir, torch.device("cpu"), hooks=[files])
    start = {key: value.clone() for key, value in graph.state_dict().items()}
    if source.last is not None:
        _restore(trainer, source.last, calibration)
    elif not config.no_eval:
        _measure_start(trainer, task, graph, prepared)
    if trainer.finished:
        say(f"{source.last}: the run is finished; --epochs {2 * trainer.epoch} trains on")
        return trainer
    trainer.fit()
    say(_end(config, trainer, start, name))
    return trainer


def quantisation_of(config: FinetuneConfig) -> Quantisation:
    """Return how the original quantises before it trains."""
    equal = {
        "iterations": config.equalization_iterations,
        "value_threshold": config.equalization_value_threshold,
        "opt_level": config.equalization_opt_level,
    }
    return Quantisation(config.target, config.num_of_bits, "kl", not config.no_equalization, "cpu", 1, equal)


def _calibration(config: FinetuneConfig, source: Source) -> NDArray[np.float32]:
    """Return training images (n, C, h, w), spread evenly."""
    chosen = spread(len(source.train), config.calib_steps * config.batch_size)
    size, mode = source.spec.input_size, source.spec.resize_mode
    return to_network(np.stack([source.train.network_sample(i, size, mode).image for i in chosen]), mode)


def _write(graph: Any, path: Path, **options: Any) -> list[Path]:
    return write_espdl(graph, path=path, **options)


def _digest(graph: Any) -> str:
    """Return what tells one calibration from another: the settings of every tensor, in hexadecimal."""
    return hashlib.sha256(json.dumps(describe(graph), sort_keys=True).encode()).hexdigest()


def _restore(trainer: Trainer, last: Path, calibration: str) -> None:
    state = read_checkpoint(last)
    if state.get("calibration") != calibration:
        raise UserError(f"{last}: its graph was calibrated otherwise: on other images, or with other flags")
    trainer.restore(state, last)


def _measure_start(trainer: Trainer, task: FinetuneTask, graph: QuantisedGraph, prepared: Prepared) -> None:
    """Print what the float model and the quantised one score; only what is better than the latter is a best."""
    found: dict[str, float] = {}
    for what, run in (("float", FloatGraph(prepared.model).run), ("quantised", graph.run)):
        found = measure(task.predictor(run), task.val, task.config)
        say(f"{what:<10} AP50 {found['AP50']:.4f}  AP {found['AP']:.4f}  mAP@0.5 (original) {found['mAP']:.4f}")
    trainer.metrics, trainer.best = found, found[task.metric.name]


def _end(config: FinetuneConfig, trainer: Trainer, start: Mapping[str, torch.Tensor], name: str) -> str:
    now = trainer.model.state_dict()
    change = sum(float((now[key] - value).square().sum()) for key, value in start.items())
    size = sum(float(value.square().sum()) for value in start.values())
    text = f"weights moved by {100 * (change / max(size, 1e-12)) ** 0.5:.3g} % of their length; "
    best = config.save_dir / f"best_{name}.espdl"
    if best.is_file():
        return text + f"best: {best}"
    why = "" if config.no_eval else " (no epoch was better than the quantised model it started from)"
    return text + f"results in {config.save_dir}/epoch_*{why}"
