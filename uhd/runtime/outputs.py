"""From the output tensors of a model file to boxes and scores, whatever form it was written in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from uhd.heads import HEADS, HeadLayout, decode, one_class_each
from uhd.runtime.drop_in import OUTPUT, YOLOV8, reader_of_columns
from uhd.runtime.predictor import Prediction
from uhd.runtime.raw_output import attribute_map, is_raw, raw_map, read_layout

Array = NDArray[np.float32]
Tensors = Mapping[str, Array]
Reader = Callable[[Tensors], list[Prediction]]
ROWS = "score_classid_cxcywh"
BOX = ("cx", "cy", "bw", "bh")
SCORES = ("score", "cls_scores")
# A product is one call into NumPy: right after the network the code of every other one has left the processor's cache.
_CORNERS = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32)


def can_read(outputs: Sequence[str]) -> bool:
    """Return whether outputs of these names are those of a detector."""
    names = set(outputs)
    return list(outputs) in ([ROWS], [OUTPUT]) or head_of(outputs) is not None or _is_primitive(names)


def head_of(outputs: Collection[str]) -> str | None:
    """Return the kind of head whose raw maps are the outputs, or None where they are none."""
    names = set(outputs)
    if is_raw(list(outputs)):
        return HeadLayout.kind
    return next((kind for kind, head in HEADS.items() if names == set(head.outputs)), None)


def reader_of(outputs: Sequence[str], table: Mapping[str, str], classes: int, probe: Callable[[], Tensors]) -> Reader:
    """Return what turns the outputs of a run into predictions.

    Args:
        outputs: names for which :func:`can_read` holds.
        table: metadata of the file.
        classes: known to the user of the file.
        probe: runs the model once; called only where shapes tell what the names do not.

    Raises:
        ValueError: shapes or metadata that do not agree with the names.
    """
    names = set(outputs)
    every_class = table.get("every_class_counts") == "true"
    if ROWS in names:
        return lambda tensors: [_rows(rows, classes) for rows in tensors[ROWS]]
    if OUTPUT in names:
        read, several = reader_of_columns(table, classes), every_class and table["form"] == YOLOV8
        return lambda tensors: _each(*read(tensors[OUTPUT]), several)
    if _is_primitive(names):
        return lambda tensors: _each(*_primitive(tensors), every_class)
    if not is_raw(outputs):
        head = HEADS[head_of(outputs) or HeadLayout.kind]
        known, order = head.from_metadata(table), head.outputs
        return lambda tensors: known.predictions(tuple(tensors[name] for name in order))
    layout = read_layout(probe(), table)

    def raw(tensors: Tensors) -> list[Prediction]:
        found = decode(raw_map(tensors, layout), layout, attribute_map(tensors))
        return _each(*found, layout.multi_label)

    return raw


def _each(boxes: Array, scores: Array, every_class: bool) -> list[Prediction]:
    pairs = list(zip(boxes, scores, strict=True))
    return [one_class_each(*pair) for pair in pairs] if every_class and scores.shape[-1] > 1 else pairs


def _rows(rows: Array, known_classes: int) -> Prediction:
    boxes = rows[:, 2:6] @ _CORNERS
    # A file of the original does not name its classes: ids beyond the names must not be lost.
    if known_classes == 1 and not np.count_nonzero(rows[:, 1]):
        return boxes, rows[:, :1]
    classes = max(known_classes, int(rows[:, 1].max(initial=0)) + 1)
    class_ids = rows[:, 1].astype(np.int64)
    scores = np.zeros((len(rows), classes), np.float32)
    scores[np.arange(len(rows)), class_ids] = rows[:, 0]
    return boxes, scores


def _is_primitive(names: set[str]) -> bool:
    return set(BOX) <= names and bool(names & set(SCORES))


def _primitive(tensors: Tensors) -> tuple[Array, Array]:
    """Return boxes (B, N, 4) and scores (B, N, C), numbered anchor, row, column."""
    b = len(tensors["cx"])
    cx, cy, bw, bh = (tensors[name].reshape(b, -1, 1) for name in BOX)
    boxes = np.concatenate([cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2], -1)
    # A heat map or a query has no score besides that of its classes.
    score = tensors["score"].reshape(b, -1, 1) if "score" in tensors else np.ones_like(cx)
    columns = [score]
    if "cls_scores" in tensors:
        table = tensors["cls_scores"]
        columns = [score * table.reshape(b, -1, table.shape[-1])]
    if "attr_scores" in tensors:
        table = tensors["attr_scores"]
        columns.append(score * table.reshape(b, -1, table.shape[-1]))
    return boxes, np.concatenate(columns, -1)
