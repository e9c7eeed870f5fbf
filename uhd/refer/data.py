"""Open the pictures of this task: two files, or one that is split by photograph."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from uhd.data.cache import build_cache
from uhd.data.dataset import Dataset
from uhd.data.formats.refhuman import read_refhuman
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import Report
from uhd.data.records import Record
from uhd.data.split import split_records
from uhd.errors import UserError
from uhd.read import why_unreadable
from uhd.refer.config import ReferDataConfig

TRAIN, VAL = "RefHuman_train.json", "RefHuman_val.json"


@dataclass(frozen=True, eq=False)
class ReferData:
    """Pictures to train on, pictures to validate on, and what is wrong with the rest."""

    train: Dataset
    val: Dataset
    report: Report


def open_refer(config: ReferDataConfig, progress: bool = True) -> ReferData:
    """Read annotations and pictures.

    Raises:
        UserError: nothing there, nobody in it, or, with ``strict``, anything malformed.
    """
    report = Report(config.strict)
    train, val = read_parts(config, report)
    train += further_parts(config, report, val)
    return ReferData(decode(train, config, report, progress), decode(val, config, report, progress), report)


def open_val(config: ReferDataConfig, progress: bool = True) -> tuple[Dataset, Report]:
    """Read what is measured on only: the validation part of a folder, or the whole of one file."""
    report = Report(config.strict)
    if config.data is not None and config.data.is_file():
        records = _read(config.data, report)
    else:
        records = read_parts(config, report)[1]
    return decode(records[: config.val_count], config, report, progress), report


def read_parts(config: ReferDataConfig, report: Report) -> tuple[list[Record], list[Record]]:
    """Return the records of both parts; no photograph is in both."""
    where = config.data
    if where is None:
        raise UserError("needs a data set: a folder with RefHuman_train.json, such as uhd refer data world/ makes")
    if where.is_dir() and (where / TRAIN).is_file() and (where / VAL).is_file():
        train, val = _read(where / TRAIN, report), _read(where / VAL, report)
        shared = {record.image for record in train} & {record.image for record in val}
        if shared:
            raise UserError(f"{where}: {min(shared).name} is in {TRAIN} and in {VAL}: no photograph may be in both")
    elif not where.exists():
        raise UserError(f"{where}: there is no such folder or file")
    else:
        file = where / TRAIN if where.is_dir() else where
        if not file.is_file():
            raise UserError(f"{where}: holds no {TRAIN}; uhd refer data NEW_FOLDER makes such a data set")
        train, val = split_records(_read(file, report), 1 - config.val_split, config.val_split, config.split_seed)
    if not any(len(record.boxes) for record in train):
        reasons = report.first_reasons()
        raise UserError(f"{where}: nobody to train on{': ' if reasons else ''}{reasons}")
    return train, val[: config.val_count]


def further_parts(config: ReferDataConfig, report: Report, val: list[Record]) -> list[Record]:
    """Return the training parts of further data sets, files whole, in their order; one given twice counts twice.

    Raises:
        UserError: nothing there, or a photograph that is measured on.
    """
    measured = {record.image.resolve() for record in val}
    found = []
    for where in config.also:
        whole = dataclasses.replace(config, data=where, val_count=None)
        train = _read(where, report) if where.is_file() else read_parts(whole, report)[0]
        shared = [record.image for record in train if record.image.resolve() in measured]
        if shared:
            raise UserError(f"--also {where}: {shared[0].name} is among the pictures that are measured on")
        found += train
    return found


def _read(path: Path, report: Report) -> list[Record]:
    return read_refhuman(path, ClassMap.of((0,)), report)[0]


def decode(records: list[Record], config: ReferDataConfig, report: Report, progress: bool) -> Dataset:
    """Read the pictures of records.

    Raises:
        UserError: none can be read.
    """
    paths = [record.image for record in records]
    images = build_cache(paths, config.img_size, config.resize_mode, report, config.cache, progress=progress)
    dataset = Dataset(records, images)
    if not len(dataset):
        raise UserError(f"none of the {len(paths)} pictures can be read: {why_unreadable(paths[0])}")
    return dataset
