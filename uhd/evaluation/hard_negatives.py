"""Images that show nobody and in which a model sees somebody (hard negative mining)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from uhd.data.discover import label_path
from uhd.data.formats.yolo import read_text
from uhd.data.problems import BAD_IMAGE, Report
from uhd.detections import Detections
from uhd.errors import UserError
from uhd.read import UnreadableImage, read_image

LABELLED = "image with labels left out: it shows somebody"


def hard_negatives(
    images: Sequence[Path], detect: Callable[[NDArray[np.uint8]], Detections], report: Report
) -> list[tuple[Path, float, int]]:
    """Return the images with false alarms: path, highest score and count, highest score first.

    After Sung and Poggio 1998, Example-based learning for view-based human face detection,
    https://doi.org/10.1109/34.655648.

    Args:
        images: that show nobody; those with labels beside them are left out.
        detect: an RGB image (H, W, 3) to what is seen in it.
        report: receives images that cannot be read, and those with labels.

    Raises:
        UserError: none can be read.
    """
    found, unreadable = [], list[str]()
    read = 0
    for path in tqdm(images, unit="img", disable=None):
        labels = label_path(path)
        if labels.is_file() and read_text(labels).strip():
            report.note(LABELLED, case=str(path))
            continue
        try:
            seen = detect(read_image(path))
        except UnreadableImage as error:
            report.problem(BAD_IMAGE, str(error))
            unreadable.append(str(error))
            continue
        read += 1
        if len(seen):
            found.append((path, float(seen.scores.max()), len(seen)))
    if unreadable and not read:
        raise UserError(f"none of the {len(unreadable)} images can be read: {unreadable[0]}")
    return sorted(found, key=lambda each: (-each[1], str(each[0])))
