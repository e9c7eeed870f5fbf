"""Nothing is ever written into the folders of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from uhd.data.config import DataConfig
from uhd.data.discover import discover, label_path
from uhd.data.formats import annotation_format
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.files import real_path


def check_apart(path: Path, data: DataConfig) -> None:
    """Refuse a place to write that lies in the data set. Nothing is written.

    Raises:
        UserError: it does.
    """
    place = real_path(path)
    for folder in data_folders(data):
        if place.is_relative_to(real_path(folder)):
            raise UserError(f"{path}: lies in the data set {folder}, which is never written to: name another place")


def data_folders(data: DataConfig) -> Iterator[Path]:
    """Yield the folders that a data set lies in: the one that is named, or those of the images and labels of a list.

    A data set that cannot be found has none; who reads it says why.
    """
    if data.image_dir is not None and data.image_dir.is_dir():
        yield data.image_dir
        if data.train_list is None:
            return
    try:
        found = discover(data.image_dir, data.train_list, data.val_list, Report())
        files = dict.fromkeys(path for part in (found.train, found.val, found.test) for path in part or ())
        images = [image for path in files for image in _images_of(path)]
    except UserError:
        return
    # One image of each folder shows where the labels of all lie: to ask for each would take long.
    for image in {os.path.dirname(image): image for image in images}.values():  # noqa: PTH120
        yield from dict.fromkeys((image.parent, label_path(image).parent))


def _images_of(path: Path) -> list[Path]:
    """Return the images that a file of annotations names, or the image itself."""
    annotations = annotation_format(path)
    if annotations is None:
        return [path]
    return [record.image for record in annotations.read(path, ClassMap.of((0,)), Report())[0]]
