"""Images that show the range of every activation: which of a folder, and how they become the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from uhd.data.config import DataConfig
from uhd.data.discover import discover, label_path, read_list
from uhd.data.formats.yolo import ClassMap, read_labels
from uhd.data.problems import BAD_IMAGE, Report
from uhd.data.split import split_named, spread
from uhd.errors import UserError
from uhd.read import UnreadableImage, read_image
from uhd.resize import resize_image, to_network

T = TypeVar("T")
LEAST = 2  # images; esp-ppq refuses fewer, and one shows no range
Uint8 = NDArray[np.uint8]


def calibration_paths(
    image_dir: Path,
    list_path: Path | None,
    part: str,
    val_split: float,
    class_ids: Sequence[int] | None,
    report: Report,
) -> list[Path]:
    """Return the images to choose from, sorted or in the order of the list.

    Args:
        image_dir: a folder, with or without ``train`` and ``val`` in it, a data.yaml or a list.
        list_path: text file that names the images instead.
        part: ``train``, ``val`` or ``all``.
        val_split: share of validation images where the data leaves it open.
        class_ids: keep images with a box of one of these; None keeps all and reads no labels.
        report: receives what is skipped.

    Raises:
        UserError: nothing is left.
    """
    if list_path is not None:
        train, val = read_list(list_path, image_dir, report), None
    else:
        found = discover(image_dir, None, None, report)
        train, val = found.train, found.val
    if val is None and part != "all":
        # As a run with its default settings splits them: what it validates on calibrates nothing.
        usual, names = DataConfig(), [path.name for path in train]
        train, val = split_named(train, names, 1 - val_split, val_split, usual.split_seed or 0, usual.split_by)
    chosen = {"train": train, "val": val or [], "all": list(dict.fromkeys([*train, *(val or [])]))}[part]
    if class_ids is not None:
        classes = ClassMap.of(tuple(class_ids))
        quiet = Report()  # labels only choose here: their problems are those of training
        chosen = [path for path in chosen if label_path(path).is_file() and len(_boxes(path, classes, quiet))]
    if not chosen:
        why = f"--split {part}" + ("" if class_ids is None else f" with a box of --class-ids {_join(class_ids)}")
        raise UserError(f"{list_path or image_dir}: no calibration image left for {why}")
    return chosen


def read_spread(
    paths: Sequence[Path], count: int, prepare: Callable[[Uint8], T], report: Report, least: int = LEAST
) -> list[T]:
    """Read images evenly spread over the paths, and prepare each before the next is read: photographs are large.

    Args:
        paths: to choose from.
        count: most images.
        prepare: from an RGB image (H, W, 3) to what is kept of it.
        report: receives unreadable ones; their neighbour takes their place.
        least: images without which there is no calibration.

    Raises:
        UserError: fewer than ``least`` can be read.
    """
    return [made for _, made in read_named(paths, count, prepare, report, least)]


def read_named(
    paths: Sequence[Path], count: int, prepare: Callable[[Uint8], T], report: Report, least: int = LEAST
) -> list[tuple[Path, T]]:
    """Return the paths as well; see :func:`read_spread`.

    Args:
        paths, count, report, least: see there.
        prepare: from an RGB image (H, W, 3) to what is kept of it.
    """
    order = spread(len(paths), count)
    wanted = len(order)
    order += sorted(set(range(len(paths))) - set(order))
    found: list[tuple[Path, T]] = []
    for index in order:
        if len(found) == wanted:
            break
        try:
            found.append((paths[index], prepare(read_image(paths[index]))))
        except UnreadableImage as error:
            report.problem(BAD_IMAGE, str(error))
    if len(found) < least:
        where = f"{paths[0].parent}: " if paths else ""
        raise UserError(f"{where}{len(found)} of {len(paths)} images can be read; calibration needs {least}")
    return found


def calibration_images(
    paths: Sequence[Path], count: int, size: tuple[int, int], mode: str, report: Report
) -> NDArray[np.float32]:
    """Return the input for images evenly spread over the paths, as deployment resizes them; see :func:`read_spread`.

    Args:
        paths: to choose from.
        count: most images.
        size: (height, width) of the network.
        mode: resize mode.
        report: receives unreadable ones.

    Returns:
        (n, C, h, w) float32 in [0, 1].
    """
    found = read_spread(paths, count, lambda image: resize_image(image, size, mode), report)
    return to_network(np.stack(found), mode)


def _boxes(path: Path, classes: ClassMap, report: Report) -> NDArray[np.float32]:
    return read_labels(label_path(path), classes, report)[0]


def _join(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
