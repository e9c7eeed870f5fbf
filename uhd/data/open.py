"""Open a data set: images with their labels and ignore regions, split into training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uhd.data.cache import build_cache, default_folder
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.discover import discover, label_path
from uhd.data.formats.coco import read_coco
from uhd.data.formats.yolo import ClassMap, read_labels
from uhd.data.ignore import IgnoreRegions
from uhd.data.multi_label import arranged, lonely, roles_of
from uhd.data.problems import Report
from uhd.data.records import Record
from uhd.data.split import split
from uhd.errors import UserError
from uhd.objects import Objects

NO_LABEL_FILE = "image without label file (counted as empty)"
LONELY = "attribute box without an object's box at its place (describes nothing)"


@dataclass(frozen=True, eq=False)
class OpenedData:
    """The two splits of a data set and what was wrong on the way.

    Attributes:
        train, val: labelled images, pixels not yet read.
        names: of the wanted classes.
        report: problems met so far; reading the pixels adds to it.
    """

    train: list[Record]
    val: list[Record]
    names: tuple[str, ...]
    report: Report


def open_data(config: DataConfig, seed: int = 42) -> OpenedData:
    """Find, label and split the images that a configuration names. Nothing is written.

    Args:
        config: folder, lists, classes and shares.
        seed: of the split, where the data set leaves it open.

    Raises:
        UserError: missing or empty folder, no labels at all, an impossible split; with ``strict`` any problem.
    """
    config, roles = arranged(config), roles_of(config)
    report = Report(config.strict)
    where = config.image_dir or config.train_list
    if config.image_dir is not None and config.train_list is None and config.image_dir.suffix.lower() == ".json":
        train, known = read_coco(config.image_dir, config.classes, report)
        val, names = None, _class_names(config, known)
    else:
        train, val, names = _read_yolo(config, report)
    if not any(len(record.boxes) for record in [*train, *(val or [])]):
        raise UserError(f"{where}: no image has a box of --classes {','.join(map(str, config.classes))}")
    report.note(LONELY, lonely([*train, *(val or [])], roles))
    if config.drop_empty:
        train, val = _with_boxes(train, report), None if val is None else _with_boxes(val, report)
    if val is None:
        train, val = split(train, config.train_split, config.val_split, seed)
    if not train or not val:
        empty = "training" if not train else "validation"
        raise UserError(f"{where}: no {empty} images: change --train-split or --val-split, or add images")
    return OpenedData(train, val, names, report)


def read_dataset(records: list[Record], config: DataConfig, report: Report, progress: bool = True) -> Dataset:
    """Decode the images of a split once; unreadable ones are reported and left out.

    Args:
        records: of one split.
        config: network size, resize mode and where decoded images are kept.
        report: receives unreadable files.
        progress: show a bar on a terminal.

    Raises:
        UserError: no image can be read, or the cache folder lies in the data set.
    """
    folder = config.cache_dir or default_folder()
    root = config.image_dir
    if (
        config.cache == "file"
        and root is not None
        and root.is_dir()
        and folder.resolve().is_relative_to(root.resolve())
    ):
        raise UserError(f"--cache-dir {folder}: lies in the data set {root}, which is never written to: choose another")
    paths = [record.image for record in records]
    images = build_cache(paths, config.img_size, config.resize_mode, report, config.cache, folder, progress)
    dataset = Dataset(records, images)
    if not len(dataset):
        raise UserError(f"{paths[0].parent if paths else root}: none of the {len(paths)} images can be read")
    return dataset


def _read_yolo(config: DataConfig, report: Report) -> tuple[list[Record], list[Record] | None, tuple[str, ...]]:
    found = discover(config.image_dir, config.train_list, config.val_list, report)
    names = _class_names(config, found.names)
    classes = ClassMap.of(config.classes, len(found.names) or None)
    ignore = IgnoreRegions(report)
    label_files = 0

    def label(image: Path) -> Record:
        nonlocal label_files
        path = label_path(image)
        try:
            boxes, labels = read_labels(path, classes, report)
            label_files += 1
        except FileNotFoundError:
            report.note(NO_LABEL_FILE)
            boxes, labels = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
        return Record(image, Objects.of(boxes, labels, ignore.of(image)))

    train = [label(image) for image in found.train]
    val = None if found.val is None else [label(image) for image in found.val]
    where = config.image_dir or config.train_list
    if not label_files:
        raise UserError(f"{where}: no label files: {label_path(found.train[0])} is missing, and so are all others")
    if classes.passed_over and not any(len(record.boxes) for record in [*train, *(val or [])]):
        seen = ", ".join(f"{number} ({count} boxes)" for number, count in classes.passed_over.most_common(8))
        raise UserError(f"{where}: no box of {classes.describe()}; the label files hold class {seen}")
    return train, val, names


def _class_names(config: DataConfig, known: Sequence[str]) -> tuple[str, ...]:
    if config.class_names and len(config.class_names) != len(config.classes):
        raise UserError(f"--class-names has {len(config.class_names)} names for {len(config.classes)} --classes")
    if known and max(config.classes) >= len(known):
        raise UserError(f"--classes {max(config.classes)}: {config.image_dir} names only classes 0 to {len(known) - 1}")
    if config.class_names:
        return config.class_names
    if known:
        return tuple(known[number] for number in config.classes)
    return ("person",) if config.classes == (0,) else tuple(map(str, config.classes))


def _with_boxes(records: list[Record], report: Report) -> list[Record]:
    kept = [record for record in records if len(record.boxes)]
    report.note("image without a wanted object left out", len(records) - len(kept))
    return kept
