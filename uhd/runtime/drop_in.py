"""Output forms that other programs' decoders know: the columns of a YOLOv8, and the rows of an end-to-end detector."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import cxcywh_to_xyxy
from uhd.resize import parse_size

Array = NDArray[np.float32]
# The name that programs look for, if they look for any.
OUTPUT = "output0"
YOLOV8, END2END = "yolov8", "end2end"
DROP_IN = (YOLOV8, END2END)
PIXELS, SHARES = "pixels", "1"


def reader_of_columns(table: Mapping[str, str], classes: int) -> Callable[[Array], tuple[Array, Array]]:
    """Return what turns the one output of a drop-in form into boxes and scores.

    Boxes are (B, N, 4) ``xyxy``, normalised, scores (B, N, C).

    Args:
        table: metadata of the file: ``form``, ``box_unit`` and, where boxes are in pixels, ``img_size``.
        classes: known to the user of the file.

    Raises:
        ValueError: the file does not say its form, or is no file of ours.
    """
    form, unit = table.get("form"), table.get("box_unit")
    if form not in DROP_IN or unit not in (PIXELS, SHARES):
        raise ValueError(
            f"the output {OUTPUT} is read where the file says form and box_unit, as uhd export --form does"
        )
    height, width = parse_size(table["img_size"]) if unit == PIXELS else (1, 1)
    extent = np.array([width, height, width, height], np.float32)

    def columns(output: Array) -> tuple[Array, Array]:
        found = np.ascontiguousarray(output.transpose(0, 2, 1))
        return cxcywh_to_xyxy(found[..., :4] / extent), found[..., 4:]

    def rows(output: Array) -> tuple[Array, Array]:
        scores = np.where(output[..., 5:6] == np.arange(classes), output[..., 4:5], np.float32(0))
        return output[..., :4] / extent, scores.astype(np.float32)

    return columns if form == YOLOV8 else rows
