"""From the raw map of an anchor head to boxes and scores: the one NumPy decoder.

Its differentiable twin is :mod:`uhd.models.decode`, its in-graph twin :mod:`uhd.export.onnx.candidates`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from uhd.nms.suppression import Suppression

Array = NDArray[np.float32]
_LEAST = float(np.finfo(np.float32).tiny)  # the lowest score above 0
BOX = slice(0, 4)  # the box among the channels of a prediction, in every layout
SCORE_MODES = ("obj_quality_cls", "quality_cls", "obj_cls", "obj_quality", "quality", "obj", "cls")
_WITHOUT_CLASS = {"obj_quality_cls": "obj_quality", "quality_cls": "quality", "obj_cls": "obj", "cls": "obj"}


@dataclass(frozen=True, eq=False)
class HeadLayout:
    """How to read a raw map.

    Attributes:
        anchors: (A, 2) float32 width and height, normalised.
        wh_scale: (A, 2) float32 factor on the anchors; ones where the head does not use it.
        num_classes: class channels per anchor; 0 for a classless head.
        has_quality: whether a quality channel follows the objectness.
        score_mode: one of ``SCORE_MODES``.
        quality_power: exponent of the quality in the score.
        num_attributes: attribute channels per anchor, in a map of their own.
        multi_label: whether every class of a prediction counts, not only its best.
    """

    anchors: Array
    wh_scale: Array
    num_classes: int
    has_quality: bool
    score_mode: str
    quality_power: float = 1.0
    num_attributes: int = 0
    multi_label: bool = False

    kind: ClassVar[str] = "anchor"
    outputs: ClassVar[tuple[str, ...]] = ("raw", "attr")

    @property
    def every_class(self) -> bool:
        """Whether each class of a prediction is a detection of its own."""
        return self.multi_label

    @property
    def num_anchors(self) -> int:
        """Anchors per cell."""
        return len(self.anchors)

    @property
    def fields(self) -> dict[str, int]:
        """Channels of an anchor by branch, in their order: ``box``, ``obj``, ``quality`` and ``cls`` where it has them.

        The one place that knows the order; every reader of the map in whatever framework follows it.
        """
        quality, classes = {"quality": 1} if self.has_quality else {}, {"cls": self.num_classes}
        return {"box": BOX.stop, "obj": 1, **quality, **(classes if self.num_classes else {})}

    @property
    def places(self) -> dict[str, slice]:
        """Where the :attr:`fields` of an anchor stand among its channels."""
        places, start = {}, 0
        for name, count in self.fields.items():
            places[name] = slice(start, start + count)
            start += count
        return places

    @property
    def channels_per_anchor(self) -> int:
        """Raw channels per anchor."""
        return sum(self.fields.values())

    @property
    def classes(self) -> int:
        """Columns of the score table, classes then attributes; a classless head has one column for its objects."""
        return max(1, self.num_classes) + self.num_attributes

    def predictions(self, raw: tuple[Array, ...]) -> list[tuple[Array, Array]]:
        """Decode the raw map (B, A * no, h, w) and that of the attributes (B, A * attributes, h, w) if any."""
        found = zip(*decode(raw[0], self, raw[1] if len(raw) > 1 else None), strict=True)
        return [one_class_each(*each) if self.multi_label and self.classes > 1 else each for each in found]

    def to_metadata(self) -> dict[str, str]:
        """Return text from which :meth:`from_metadata` rebuilds the layout; sizes to eight digits."""
        return {
            "anchors": json.dumps([[round(float(side), 8) for side in pair] for pair in self.anchors]),
            "wh_scale": json.dumps([[round(float(side), 8) for side in pair] for pair in self.wh_scale]),
            "score_mode": self.score_mode,
            "quality_power": f"{self.quality_power:g}",
            "disable_cls": str(self.num_classes == 0).lower(),
            "every_class_counts": str(self.multi_label).lower(),
            "class_channels": str(self.num_classes),
            "has_quality": str(self.has_quality).lower(),
            "attribute_channels": str(self.num_attributes),
        }

    @classmethod
    def from_metadata(cls, table: Mapping[str, str]) -> HeadLayout:
        """Rebuild from text.

        Raises:
            ValueError: no anchors or score mode, as in files of the first version, or a value that is malformed.
        """
        missing = [key for key in ("anchors", "score_mode", "class_channels", "has_quality") if not table.get(key)]
        if missing or table["score_mode"] not in SCORE_MODES:
            raise ValueError(f"no layout of an anchor head without {', '.join(missing) or 'a known score_mode'}")
        anchors = np.array(json.loads(table["anchors"]), np.float32).reshape(-1, 2)
        scale = np.array(json.loads(table["wh_scale"]), np.float32) if table.get("wh_scale") else np.ones_like(anchors)
        return cls(
            anchors,
            scale.reshape(-1, 2),
            int(table["class_channels"]),
            table["has_quality"] == "true",
            table["score_mode"],
            float(table.get("quality_power") or 1),
            int(table.get("attribute_channels") or 0),
            table.get("every_class_counts") == "true",
        )


def resolve_score_mode(mode: str | None, has_quality: bool, iou_aware: bool, num_classes: int) -> str:
    """Return the score mode in force: the default follows the head, and classless heads drop the class."""
    if mode not in SCORE_MODES:
        mode = "quality_cls" if iou_aware else "obj_quality_cls"
    if num_classes == 0:
        mode = _WITHOUT_CLASS.get(mode, mode)
    if not has_quality:
        mode = {"obj_quality_cls": "obj_cls", "quality_cls": "obj_cls", "obj_quality": "obj", "quality": "obj"}.get(
            mode, mode
        )
    return mode


def sigmoid(x: Array) -> Array:
    """Return the logistic function, 0 to 1, accurate also where it is tiny, so that low scores keep their order."""
    e = np.negative(x, dtype=np.float32)
    with np.errstate(over="ignore"):  # an infinite e gives the right 0
        np.exp(e, out=e)
    e += 1
    return np.reciprocal(e, out=e)


def softplus(x: Array) -> Array:
    """Return log(1 + e^x) without overflow."""
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), np.float32)


def decode(raw: Array, layout: HeadLayout, attributes: Array | None = None) -> tuple[Array, Array]:
    """Decode a raw map.

    Args:
        raw: (B, A * no, h, w) logits, channel ``a * no + j`` with j = tx, ty, tw, th, obj, (quality), classes.
        layout: how to read it.
        attributes: (B, A * num_attributes, h, w) logits, channel ``a * num_attributes + j``; the score of an attribute
            is that of the prediction without its class, times the attribute's probability.

    Returns:
        boxes (B, N, 4) ``xyxy`` normalised and not clipped, scores (B, N, classes), where prediction
        n = a * h * w + row * w + column.
    """
    b, _, h, w = raw.shape
    maps = raw.reshape(b, layout.num_anchors, layout.channels_per_anchor, h, w)
    row, column = np.mgrid[:h, :w].astype(np.float32)
    prior = (layout.anchors * layout.wh_scale)[None, :, :, None, None] / 2
    t = maps[:, :, layout.places["box"]]
    cx = (sigmoid(t[:, :, 0]) + column) / w
    cy = (sigmoid(t[:, :, 1]) + row) / h
    half = prior * softplus(t[:, :, 2:])
    corners = [cx - half[:, :, 0], cy - half[:, :, 1], cx + half[:, :, 0], cy + half[:, :, 1]]
    boxes = np.stack(corners, -1).reshape(b, -1, 4)
    return boxes, _scores(maps, layout, attributes).reshape(b, -1, layout.classes)


def _scores(maps: Array, layout: HeadLayout, attributes: Array | None) -> Array:
    mode, places = layout.score_mode, layout.places
    base = np.ones_like(maps[:, :, 0])
    if "quality" in mode and layout.has_quality:
        quality = sigmoid(maps[:, :, places["quality"].start])
        base = quality if layout.quality_power == 1 else quality**layout.quality_power
    if "obj" in mode or ("quality" in mode and not layout.has_quality):
        base = base * sigmoid(maps[:, :, places["obj"].start])
    scores = base[..., None]
    if layout.num_classes and "cls" in mode:
        scores = scores * sigmoid(np.moveaxis(maps[:, :, places["cls"]], 2, -1))
    elif layout.num_classes:
        scores = np.repeat(scores, layout.num_classes, axis=-1)
    if layout.num_attributes:
        if attributes is None:
            raise ValueError(f"the map of the {layout.num_attributes} attributes is missing")
        b, a, _, h, w = maps.shape
        logits = np.moveaxis(attributes.reshape(b, a, layout.num_attributes, h, w), 2, -1)
        scores = np.concatenate([scores, base[..., None] * sigmoid(logits)], -1)
    return np.asarray(scores, np.float32)


def one_class_each(boxes: Array, scores: Array) -> tuple[Array, Array]:
    """Turn every class of a multi-label prediction into a prediction of its own.

    Args:
        boxes: (N, 4).
        scores: (N, C).

    Returns:
        boxes (N * C, 4) and scores (N * C, C) with one entry per row, so that the best class of a row is its only one.
    """
    count, classes = scores.shape
    table = np.zeros((count, classes, classes), np.float32)
    index = np.arange(classes)
    table[:, index, index] = scores
    return np.repeat(boxes, classes, axis=0), table.reshape(-1, classes)


def select(
    boxes: Array,
    scores: Array,
    conf_thresh: float,
    topk: int | None = None,
    suppression: Suppression | None = None,
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Keep the predictions worth showing, best first.

    Args:
        boxes: (N, 4) ``xyxy``.
        scores: (N, classes); each prediction counts for its best class.
        conf_thresh: lowest score kept, before suppression and after it. A score of 0 is never kept: graphs that give
            as many predictions for every image fill them up with it.
        topk: most predictions kept (before suppression), or None.
        suppression: what is done about duplicates; None keeps all.

    Returns:
        boxes (K, 4), scores (K,), class ids (K,).
    """
    best = scores[:, 0] if scores.shape[1] == 1 else scores.max(1)
    (index,) = (best >= max(conf_thresh, _LEAST)).nonzero()
    if not len(index):
        return boxes[:0], best[:0], np.zeros(0, np.int64)
    if len(index) > 1:
        index = index[(-best[index]).argsort(kind="stable")[:topk]]
    class_ids = np.zeros(len(index), np.int64) if scores.shape[1] == 1 else scores[index].argmax(1)
    found = boxes[index], best[index], class_ids
    return found if suppression is None else suppression(*found, conf_thresh)
