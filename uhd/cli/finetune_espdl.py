"""The original's ``uhd/uhd_qat.py``: train a quantised graph on, under the rounding of the chip."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.cli import guarded
from uhd.cli.flags import Flags, warn
from uhd.errors import UserError
from uhd.export.espdl.finetune_config import FinetuneConfig

if TYPE_CHECKING:
    from uhd.card import ModelSpec
    from uhd.data.dataset import Dataset
    from uhd.export.espdl.finetune import Finetuning
    from uhd.export.espdl.prepare import Prepared
    from uhd.export.espdl.quantise import Quantisation


def original(argv: Sequence[str] | None = None) -> int:
    """Run with the original's flags and defaults."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: main(arguments))


def main(argv: Sequence[str]) -> int:
    """Fine-tune; returns the exit code."""
    about = "Train a quantised model on, under the rounding of the chip."
    resolved = Flags("uhd_qat.py", about, (FinetuneConfig,), "original").resolve(argv)
    config = resolved[FinetuneConfig]
    if config.onnx_model is None:
        raise UserError("which model? give --onnx-model FILE")
    if config.image_dir is None and config.train_list is None and config.list_path is None:
        raise UserError("which images? give --image-dir DIR")

    from uhd.export.espdl.toolchain import require_esp_ppq

    require_esp_ppq()
    if config.device not in (None, "cpu"):
        warn(f"--device {config.device}: the simulated graph runs on the CPU")
    prepared, spec, typed = _model(config, resolved.typed)
    config = dataclasses.replace(config, class_ids=_classes(config, spec, typed))
    train, val = _images(config, spec)
    finetune(config, prepared, spec, train, val, typed)
    return 0


def finetune(
    config: FinetuneConfig,
    prepared: Prepared,
    spec: ModelSpec,
    train: Dataset,
    val: Dataset,
    typed: frozenset[str],
) -> None:
    """Quantise, train and write every epoch.

    Raises:
        UserError: the model does not fit the flags, or the loss is not finite.
    """
    import numpy as np
    import torch

    from uhd.data.loader import Loader
    from uhd.data.split import spread
    from uhd.export.espdl.finetune import Finetuning, measure, score_metadata, wanted_outputs
    from uhd.export.espdl.quantise import quantise
    from uhd.export.espdl.simulator import constants_to_metadata
    from uhd.export.espdl.write import write_espdl
    from uhd.resize import to_network

    outputs = wanted_outputs([entry.name for entry in prepared.model.graph.output], config, typed)
    table = {**spec.to_metadata(), **constants_to_metadata(prepared.constants)}
    table = score_metadata({**table, **_score_of(prepared)}, outputs, config, typed)
    size, mode = spec.input_size, spec.resize_mode
    name = config.output_prefix or config.onnx_model.stem if config.onnx_model else "model"
    config.save_dir.mkdir(parents=True, exist_ok=True)
    log = config.save_dir / f"{name}.log"
    log.write_text("", encoding="utf-8")

    chosen = spread(len(train), config.calib_steps * config.batch_size)
    images = to_network(np.stack([train.network_sample(i, size, mode).image for i in chosen]), mode)
    how = _quantisation(config)
    print(f"quantising for {config.target} on {len(chosen)} images (esp-ppq prints to {log})", flush=True)
    quantised = quantise(prepared.model, images, how, log=log)
    torch.manual_seed(config.seed)
    tuning = Finetuning(quantised.graph, prepared.constants, table, spec, outputs, config)

    best = -1.0 if config.no_eval else _scored_before(tuning, prepared, val, config)
    loader = Loader(train, None, size, mode, config.batch_size, config.seed, config.num_workers)
    try:
        for epoch in range(config.epochs):
            tuning.run_epoch(loader, epoch, lambda line: print(line, flush=True))
            path = config.save_dir / f"epoch_{epoch + 1:03d}" / f"{name}.espdl"
            files = write_espdl(quantised.graph, quantised.model, how, path, images[:1], table, log)
            if config.no_eval:
                continue
            found = measure(tuning.predictor(), val, config)
            better = found["AP50"] > best
            print(_line(f"epoch {epoch + 1}", found) + ("  best" if better else ""), flush=True)
            if better:
                best = found["AP50"]
                _keep(files, config.save_dir)
    finally:
        loader.close()
    print(_end(config, tuning, name))


def _quantisation(config: FinetuneConfig) -> Quantisation:
    from uhd.export.espdl.quantise import Quantisation

    equal = {
        "iterations": config.equalization_iterations,
        "value_threshold": config.equalization_value_threshold,
        "opt_level": config.equalization_opt_level,
    }
    return Quantisation(config.target, config.num_of_bits, "kl", not config.no_equalization, "cpu", 1, equal)


def _scored_before(tuning: Finetuning, prepared: Prepared, val: Dataset, config: FinetuneConfig) -> float:
    """Print what the float model and the quantised one score; returns the AP50 of the latter, 0 to 1."""
    from uhd.export.espdl.finetune import measure
    from uhd.export.espdl.float_graph import FloatGraph

    before = measure(tuning.reference(FloatGraph(prepared.model).run), val, config)
    quantised = measure(tuning.predictor(), val, config)
    print(_line("float", before), _line("quantised", quantised), sep="\n", flush=True)
    return quantised["AP50"]


def _model(config: FinetuneConfig, typed: frozenset[str]) -> tuple[Prepared, ModelSpec, frozenset[str]]:
    import numpy as np

    from uhd.export.espdl.config import EspdlConfig
    from uhd.export.espdl.source import open_source
    from uhd.runtime.raw_output import CONSTANTS

    assert config.onnx_model is not None
    asked = EspdlConfig(
        img_size=config.img_size if "img_size" in typed else None,
        resize_mode=config.resize_mode if "resize_mode" in typed else None,
    )
    prepared, spec = open_source(config.onnx_model, asked)
    constants = dict(prepared.constants)
    for name in CONSTANTS:
        beside = config.onnx_model.with_name(f"{config.onnx_model.stem}_{name}.npy")
        if name not in constants and beside.is_file():
            constants[name] = np.load(beside, allow_pickle=False).astype(np.float32).reshape(-1, 2)
    missing = [name for name in CONSTANTS if name not in constants]
    if missing:
        raise UserError(
            f"{config.onnx_model}: has no {' and no '.join(missing)}, nor is there a "
            f"{config.onnx_model.stem}_{missing[0]}.npy beside it"
        )
    return dataclasses.replace(prepared, constants=constants), spec, typed


def _classes(config: FinetuneConfig, spec: ModelSpec, typed: frozenset[str]) -> tuple[int, ...]:
    """Return the raw numbers of the classes: as typed, else as the model says."""
    classes = config.class_ids if "class_ids" in typed else spec.classes or config.class_ids
    if len(classes) != len(spec.class_names):
        raise UserError(
            f"--class-ids {','.join(map(str, classes))}: the model has {len(spec.class_names)} classes "
            f"({', '.join(spec.class_names)})"
        )
    return classes


def _score_of(prepared: Prepared) -> dict[str, str]:
    keys = ("score_mode", "quality_power", "every_class_counts")
    return {key: prepared.metadata[key] for key in keys if prepared.metadata.get(key)}


def _images(config: FinetuneConfig, spec: ModelSpec) -> tuple[Dataset, Dataset]:
    from uhd.data.config import DataConfig
    from uhd.data.discover import read_list
    from uhd.data.open import open_data, read_dataset
    from uhd.data.problems import Report
    from uhd.data.split import split

    data = DataConfig(
        image_dir=config.image_dir, train_list=config.train_list, val_list=config.val_list,
        train_split=1 - config.val_split, val_split=config.val_split, split_by="shuffle", classes=config.class_ids,
        img_size=spec.input_size, resize_mode=spec.resize_mode, num_workers=config.num_workers,
        class_names=spec.class_names,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if config.list_path is not None and config.train_list is None:
            paths = read_list(config.list_path, config.image_dir, Report())
            lists = []
            for part, chosen in zip(
                ("train", "val"), split(paths, 1 - config.val_split, config.val_split, config.seed), strict=True
            ):
                file = Path(folder) / f"{part}.txt"
                file.write_text("".join(f"{path.resolve()}\n" for path in chosen), encoding="utf-8")
                lists.append(file)
            data = dataclasses.replace(data, train_list=lists[0], val_list=lists[1])
        opened = open_data(data, config.seed)
    train, val = (read_dataset(part, data, opened.report) for part in (opened.train, opened.val))
    print(f"{len(train)} training images, {len(val)} validation images")
    for line in opened.report.lines():
        print(line)
    return train, val


def _keep(files: Sequence[Path], folder: Path) -> None:
    """Copy an epoch's files as the best; the simulation names the .espdl's content, not its path."""
    for file in files:
        shutil.copy2(file, folder / f"best_{file.name}")


def _line(what: str, found: dict[str, float]) -> str:
    return f"{what:<10} AP50 {found['AP50']:.4f}  AP {found['AP']:.4f}  mAP@0.5 (original) {found['mAP']:.4f}"


def _end(config: FinetuneConfig, tuning: Finetuning, name: str) -> str:
    best = config.save_dir / f"best_{name}.espdl"
    text = f"weights moved by {100 * tuning.moved():.3g} % of their length; "
    if best.is_file():
        return text + f"best: {best}"
    why = "" if config.no_eval else " (no epoch was better than the quantised model it started from)"
    return text + f"results in {config.save_dir}/epoch_*{why}"
