"""The original's ``uhd/uhd_qat.py``: train a quantised graph on, under the rounding of the chip."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.cli import guarded
from uhd.cli.flags import Flags, warn
from uhd.errors import UserError
from uhd.export.espdl.finetune.config import FinetuneConfig

if TYPE_CHECKING:
    from uhd.card import ModelSpec
    from uhd.data.dataset import Dataset
    from uhd.export.espdl.prepare import Prepared


def original(argv: Sequence[str] | None = None) -> int:
    """Run with the original's flags and defaults."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: main(arguments))


def main(argv: Sequence[str]) -> int:
    """Fine-tune; returns the exit code."""
    about = "Train a quantised model on, under the rounding of the chip."
    resolved = Flags("uhd_qat.py", about, (FinetuneConfig,), "original").resolve(argv)
    config, typed = resolved[FinetuneConfig], resolved.typed
    if config.onnx_model is None and config.resume is None:
        raise UserError("which model? give --onnx-model FILE")
    if config.resume is None and not (config.image_dir or config.train_list or config.list_path):
        raise UserError("which images? give --image-dir DIR")

    from uhd.export.espdl.toolchain import require_esp_ppq

    require_esp_ppq()
    from uhd.export.espdl.finetune.run import Source, finetune, take_settings
    from uhd.training.folder import find_last
    from uhd.training.trainer import Interrupted

    if config.device not in (None, "cpu"):
        warn(f"--device {config.device}: the simulated graph runs on the CPU")
    last = find_last(config.resume)
    if last is not None:
        config, typed = take_settings(config, typed, last)
    prepared, spec = _model(config, typed)
    config = dataclasses.replace(config, class_ids=_classes(config, spec, typed))
    train, val = _images(config, spec)
    try:
        finetune(config, Source(prepared, spec, train, val, typed, last))
    except Interrupted:
        warn(f"stopped; continue with --resume {config.save_dir}")
        return 130
    return 0


def _model(config: FinetuneConfig, typed: frozenset[str]) -> tuple[Prepared, ModelSpec]:
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
    return dataclasses.replace(prepared, constants=constants), spec


def _classes(config: FinetuneConfig, spec: ModelSpec, typed: frozenset[str]) -> tuple[int, ...]:
    """Return the raw numbers of the classes: as typed, else as the model says."""
    classes = config.class_ids if "class_ids" in typed else spec.classes or config.class_ids
    if len(classes) != len(spec.class_names):
        raise UserError(
            f"--class-ids {','.join(map(str, classes))}: the model has {len(spec.class_names)} classes "
            f"({', '.join(spec.class_names)})"
        )
    return classes


def _images(config: FinetuneConfig, spec: ModelSpec) -> tuple[Dataset, Dataset]:
    from uhd.data.config import DataConfig
    from uhd.data.discover import read_list
    from uhd.data.open import open_data, read_dataset
    from uhd.data.problems import Report
    from uhd.data.split import split
    from uhd.training.folder import check_apart_from

    data = DataConfig(
        image_dir=config.image_dir, train_list=config.train_list, val_list=config.val_list,
        train_split=1 - config.val_split, val_split=config.val_split, split_by="shuffle", classes=config.class_ids,
        img_size=spec.input_size, resize_mode=spec.resize_mode, num_workers=config.num_workers,
        class_names=spec.class_names,
    )  # fmt: skip
    check_apart_from(config.save_dir, data)
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
