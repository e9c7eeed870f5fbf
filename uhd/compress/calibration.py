"""Images that show esp-ppq the range of every activation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.data.discover import discover, label_path, read_list
from uhd.data.formats.yolo import ClassMap, read_labels
from uhd.data.problems import BAD_IMAGE, Report
from uhd.data.split import split
from uhd.errors import UserError
from uhd.read import UnreadableImage, read_image
from uhd.resize import resize_image, to_network

LEAST = 2  # images; esp-ppq refuses fewer


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
        train, val = split(train, 1 - val_split, val_split, 42)
    chosen = {"train": train, "val": val or [], "all": [*train, *(val or [])]}[part]
    if class_ids is not None:
        classes = ClassMap.of(tuple(class_ids))
        quiet = Report()  # labels only choose here: their problems are those of training
        chosen = [path for path in chosen if label_path(path).is_file() and len(_boxes(path, classes, quiet))]
    if not chosen:
        why = f"--split {part}" + ("" if class_ids is None else f" with a box of --class-ids {_join(class_ids)}")
        raise UserError(f"{list_path or image_dir}: no calibration image left for {why}")
    return chosen


def calibration_images(
    paths: Sequence[Path], count: int, size: tuple[int, int], mode: str, report: Report
) -> NDArray[np.float32]:
    """Read images evenly spread over the paths, as deployment resizes them.

    Args:
        paths: to choose from.
        count: most images.
        size: (height, width) of the network.
        mode: resize mode.
        report: receives unreadable ones; their neighbour takes their place.

    Returns:
        (n, C, h, w) float32 in [0, 1].

    Raises:
        UserError: fewer than two can be read.
    """
    wanted = min(count, len(paths))
    order = [i * len(paths) // wanted for i in range(wanted)]
    order += sorted(set(range(len(paths))) - set(order))
    found: list[NDArray[np.uint8]] = []
    for index in order:
        if len(found) == wanted:
            break
        try:
            found.append(resize_image(read_image(paths[index]), size, mode))
        except UnreadableImage as error:
            report.problem(BAD_IMAGE, str(error))
    if len(found) < LEAST:
        raise UserError(
            f"{paths[0].parent}: {len(found)} of {len(paths)} images can be read; calibration needs {LEAST}"
        )
    return to_network(np.stack(found), mode)


def _boxes(path: Path, classes: ClassMap, report: Report) -> NDArray[np.float32]:
    return read_labels(label_path(path), classes, report)[0]


def _join(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
