"""Open a data set: images with their labels and ignore regions, split into training and validation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uhd.data.cache import build_cache
from uhd.data.cache_file import default_folder
from uhd.data.class_names import class_names, left_out
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.discover import Found, discover, label_path
from uhd.data.formats import annotation_format
from uhd.data.formats.yolo import ClassMap, LineForm, holds_corners, read_objects, read_text
from uhd.data.ignore import IgnoreRegions
from uhd.data.multi_label import arrange_classes, count_lonely, roles_of
from uhd.data.parts import other_annotations
from uhd.data.problems import BAD_LABEL, Report
from uhd.data.records import Record
from uhd.data.split import split_records
from uhd.errors import UserError
from uhd.objects import Objects
from uhd.read import why_unreadable

NO_LABEL_FILE = "image without label file (counted as empty)"
SHARED_LABELS = "label file of two images"
_LOOKED_AT = 200  # label files
LONG_NAME = "label file named like photo.png.txt (read as photo.txt)"
LONELY = "attribute box without an object's box at its place (describes nothing)"


@dataclass(frozen=True, eq=False)
class OpenedData:
    """The parts of a data set and what was wrong on the way.

    Attributes:
        train, val: labelled images, pixels not yet read.
        names: of the wanted classes.
        report: problems met so far; reading the pixels adds to it.
        test: labelled images that neither train nor choose; None where the data set names none.
        drawn: whether ``train`` and ``val`` were divided here, because the data set leaves that open.
    """

    train: list[Record]
    val: list[Record]
    names: tuple[str, ...]
    report: Report
    test: list[Record] | None = None
    drawn: bool = False

    @property
    def everything(self) -> list[Record]:
        """The records of all parts; an image that several of them name is there once."""
        once: dict[Path, Record] = {}
        for record in (*self.train, *self.val, *(self.test or [])):
            once.setdefault(record.image, record)
        return list(once.values())


def open_data(config: DataConfig, seed: int = 42, divide: bool = True, report: Report | None = None) -> OpenedData:
    """Find, label and split the images that a configuration names. Nothing is written.

    Args:
        config: folder, lists, classes and shares.
        seed: of the split, where the data set leaves it open.
        divide: split data without parts; otherwise all of its images are ``train``.
        report: receives what is wrong; a new one, strict or not as the configuration says, by default.

    Raises:
        UserError: missing or empty folder, no labels at all, an impossible split; with ``strict`` any problem.
    """
    config, roles = arrange_classes(config), roles_of(config)
    report = Report(config.strict) if report is None else report
    where = config.image_dir or config.train_list
    found = discover(config.image_dir, config.train_list, config.val_list, report)
    reader = LabelReader(config, found, report)
    train, val, test = (None if part is None else reader.records(part) for part in (found.train, found.val, found.test))
    assert train is not None
    reader.close([*train, *(val or [])])
    report.note(LONELY, count_lonely([*train, *(val or [])], roles))
    if config.drop_empty:
        train, val = _with_boxes(train, report), None if val is None else _with_boxes(val, report)
    if val is None and not divide:
        return OpenedData(train, [], class_names(config, reader.names), report, test)
    drawn = val is None
    if val is None:
        train, val = split_records(train, config.train_split, config.val_split, seed, config.split_by)
    if not train or not val:
        empty = "training" if not train else "validation"
        raise UserError(f"{where}: no {empty} images: change --train-split or --val-split, or add images")
    both = 0 if drawn else len({record.image for record in train} & {record.image for record in val})
    if both:
        report.remark(f"{both} of the {len(val)} validation images are trained on too: figures will be too good")
    return OpenedData(train, val, class_names(config, reader.names), report, test, drawn)


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
        where, why = (paths[0].parent, f": {why_unreadable(paths[0])}") if paths else (root, "")
        raise UserError(f"{where}: none of the {len(paths)} images can be read{why}")
    return dataset


class LabelReader:
    """Labels of images, whatever holds them.

    Args:
        config: wanted classes.
        found: images and files of annotations.
        report: receives what is wrong.

    Attributes:
        names: class names by number that the data set gives.
    """

    def __init__(self, config: DataConfig, found: Found, report: Report) -> None:
        self._where, self._report = config.image_dir or config.train_list, report
        self._config, self.names = config, found.names
        class_names(config, self.names)
        self._classes = ClassMap.of(config.classes, len(found.names) or None)
        self._ignore = IgnoreRegions(report)
        self._read = 0
        self._first: Path | None = None
        self._owners: dict[Path, Path] = {}
        self._form = self._look(found)

    def records(self, part: list[Path]) -> list[Record]:
        """Return the records of a part of the data set."""
        records: list[Record] = []
        for path in part:
            annotations = annotation_format(path)
            if annotations is None:
                records.append(self._label(path))
                continue
            more, names = annotations.read(path, self._classes, self._report)
            if self.names and names != self.names:
                raise UserError(
                    f"{path}: names other classes ({', '.join(names[:5])}) than {', '.join(self.names[:5])}"
                )
            class_names(self._config, names)
            self.names, self._read = names, self._read + 1
            records += more
        return records

    def close(self, records: list[Record]) -> None:
        """Say which classes are left out.

        Raises:
            UserError: there is no label file, or nothing that is wanted in any.
        """
        if not self._read:
            first = None if self._first is None else label_path(self._first)
            other = "" if self._where is None or not self._where.is_dir() else other_annotations(self._where)
            raise UserError(f"{self._where}: no label files: {first} is missing, and so are all others{other}")
        wanted, passed_over = self._classes.wanted, self._classes.passed_over
        if not any(len(record.boxes) for record in records):
            reasons = self._report.first_reasons()
            if passed_over and len(passed_over) and not self._report.counts[BAD_LABEL]:
                seen = ", ".join(f"{number} ({count} boxes)" for number, count in passed_over.most_common(8))
                what = f"no box of {self._classes.describe()}; the label files hold class {seen}"
                raise UserError(f"{self._where}: {what}")
            told = f"no image has a box of {self._classes.describe()}"
            raise UserError(f"{self._where}: {told}{': ' if reasons else ''}{reasons}")
        if self.names:
            told = left_out(tuple(wanted), passed_over, self.names)
            if told:
                self._report.remark(told)

    def _look(self, found: Found) -> LineForm:
        """Return what some label files, spread over the data set, show of how lines are to be read."""
        images = [path for path in (*found.train, *(found.val or ())) if annotation_format(path) is None]
        sample = images[:: max(1, len(images) // _LOOKED_AT)]
        texts = (read_text(path) for path in map(label_path, sample) if path.is_file())
        corners = found.keypoints is None and holds_corners(texts)
        if corners:
            self._report.remark(
                "label lines are read as class x1 y1 x2 y2 (corners): as centre and size many would hang over"
            )
        return LineForm(corners, found.keypoints)

    def _label(self, image: Path) -> Record:
        path = label_path(image)
        self._first = self._first or image
        try:
            objects = read_objects(path, self._classes, self._report, self._form)
            self._read += 1
            if path.stem == image.name:
                self._report.note(LONG_NAME, case=str(path))
        except FileNotFoundError:
            self._report.note(NO_LABEL_FILE, case=str(image))
            return Record(image, Objects.of(np.zeros((0, 4), np.float32), None, self._ignore.of(image)))
        other = self._owners.setdefault(path, image)
        if other != image:
            self._report.problem(SHARED_LABELS, f"{path}: belongs to {other.name} and to {image.name}: rename one")
        regions = self._ignore.of(image)
        if len(regions):
            objects = Objects.concat([objects, Objects.of(regions[:0], None, regions)])
        return Record(image, objects)


def _with_boxes(records: list[Record], report: Report) -> list[Record]:
    kept = [record for record in records if len(record.boxes)]
    report.note("image without a wanted object left out", len(records) - len(kept))
    return kept
