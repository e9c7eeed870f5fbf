"""How the loss reads the raw map of the Keras model; the twin of :mod:`uhd.models.decode`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from uhd.heads import HeadLayout


@dataclass(frozen=True, eq=False)
class Predictions:
    """The N predictions of B images, in the order anchor, row, column; logits and boxes have a gradient.

    Attributes:
        boxes: (B, N, 4) ``xyxy``, normalised, not clipped.
        obj: (B, N) logits.
        quality: (B, N) logits, or None.
        classes: (B, N, classes) logits, perhaps of no class.
        scores: (B, N, max(1, classes)) in [0, 1], without gradient.
        priors: (A, 2) anchors times their scale, without gradient.
        size: (h, w) of the map.
    """

    boxes: Any
    obj: Any
    quality: Any
    classes: Any
    scores: Any
    priors: Any
    size: tuple[int, int]

    @property
    def anchors(self) -> int:
        """A, anchors per cell."""
        return int(self.priors.shape[0])

    @property
    def count(self) -> int:
        """N, predictions per image."""
        return self.anchors * self.size[0] * self.size[1]


def read_raw(raw: Any, layout: HeadLayout, anchors: Any, wh_scale: Any) -> Predictions:
    """Read a raw map (B, h, w, A * no) in float32.

    Args:
        raw: logits.
        layout: of the head; its own anchors are not looked at.
        anchors: (A, 2), normalised.
        wh_scale: (A, 2) trainable factor on them.
    """
    raw = ops.cast(raw, "float32")
    _, h, w, channels = raw.shape
    a = int(anchors.shape[0])
    rows = ops.transpose(ops.reshape(raw, (-1, h * w, a, channels // a)), (0, 2, 1, 3))
    rows = ops.reshape(rows, (-1, a * h * w, channels // a))
    prior = ops.cast(anchors, "float32") * ops.cast(wh_scale, "float32")
    y, x = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
    cell = ops.convert_to_tensor(np.tile(np.stack([x.ravel(), y.ravel()], -1), (a, 1)).astype(np.float32))
    centre = (ops.sigmoid(rows[..., :2]) + cell) / ops.convert_to_tensor(np.array([w, h], np.float32))
    half = ops.repeat(prior, h * w, axis=0) * ops.softplus(rows[..., 2:4]) / 2
    quality = rows[..., 5] if layout.has_quality else None
    classes = rows[..., 5 + layout.has_quality :]
    scores = ops.stop_gradient(_score(rows[..., 4], quality, classes, layout))
    boxes = ops.concatenate([centre - half, centre + half], -1)
    return Predictions(boxes, rows[..., 4], quality, classes, scores, ops.stop_gradient(prior), (int(h), int(w)))


def _score(obj: Any, quality: Any, classes: Any, layout: HeadLayout) -> Any:
    mode, base = layout.score_mode, None
    if "quality" in mode and quality is not None:
        base = ops.sigmoid(quality) ** layout.quality_power
    if "obj" in mode or ("quality" in mode and quality is None):
        base = ops.sigmoid(obj) if base is None else base * ops.sigmoid(obj)
    if "cls" in mode and layout.num_classes:
        probability = ops.sigmoid(classes)
        return probability if base is None else base[..., None] * probability
    assert base is not None
    return ops.repeat(base[..., None], max(1, layout.num_classes), axis=-1)
