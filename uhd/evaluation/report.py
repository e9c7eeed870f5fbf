"""The result of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.json_text import json_text


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall over the score threshold, at IoU 0.5.

    Attributes:
        precision, recall: (K,) after each detection, best score first.
        scores: (K,) descending.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    scores: NDArray[np.float32]

    @property
    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of precision and recall (K,)."""
        return np.asarray(2 * self.precision * self.recall / np.maximum(self.precision + self.recall, 1e-12))

    @property
    def ends(self) -> NDArray[np.bool_]:
        """The points (K,) that a threshold can choose: it takes in all detections of equal score."""
        return np.append(self.scores[1:] != self.scores[:-1], True)[: len(self.scores)]

    def best(self) -> tuple[float, float, float, float]:
        """Return threshold, F1, precision and recall where F1 is largest; the threshold is 1 without detections."""
        if not len(self.scores):
            return 1.0, 0.0, 0.0, 0.0
        k = int(np.where(self.ends, self.f1, -1.0).argmax())
        return float(self.scores[k]), float(self.f1[k]), float(self.precision[k]), float(self.recall[k])


@dataclass(frozen=True, eq=False)
class Report:
    """Metrics of one detector on one set of images.

    Attributes:
        metrics: name -> value; ``AP50`` is all-point, over all detections above 0.001, mean over the classes that
            occur; ``AP`` the mean over IoU 0.5 to 0.95; ``AP50/<size>`` by person height in network pixels;
            ``recall`` at IoU 0.5; ``best_f1``, ``best_threshold``, ``precision_at_best``, ``recall_at_best``;
            ``false_alarms_per_empty_image`` at that threshold; ``recall_at_precision_0.9`` and
            ``recall_at_0.01_alarms`` (false alarms per image, over all images), each with its threshold;
            ``person_accuracy`` (is anybody there, one answer per image) at the threshold that is best for it on these
            images (``person_threshold``), at ``best_threshold`` (``..._at_best``) and at the one that the model's
            file says (``..._at_file``); ``mAP@0.5 (original)`` the original's definition.
        counts: images, empty images, boxes, ignore regions, detections.
        curve: of all classes together.
        classes: AP50 by class name.
        thresholds: least score and IoU of the suppression of what is counted, the least score of the original's
            mAP, and that of the file where it says one.
        about: what was measured, on what and when.
    """

    metrics: dict[str, float]
    counts: dict[str, int]
    curve: Curve
    classes: dict[str, float] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, the curve thinned to 200 points."""
        step = max(1, len(self.curve.scores) // 200)
        curve = {
            "threshold": self.curve.scores[::step].tolist(),
            "precision": self.curve.precision[::step].tolist(),
            "recall": self.curve.recall[::step].tolist(),
        }
        return {
            **self.about, "thresholds": self.thresholds, "metrics": self.metrics, "counts": self.counts,
            "AP50_by_class": self.classes, "curve": curve,
        }  # fmt: skip

    def to_json(self) -> str:
        """Return :meth:`to_dict` as indented JSON."""
        return json_text(self.to_dict())

    def to_text(self) -> str:
        """Return a small table for a terminal."""
        lines = [", ".join(f"{value} {name}" for name, value in self.counts.items())]
        rows = {self._label(name): value for name, value in self.metrics.items()}
        if len(self.classes) > 1:
            rows |= {f"AP50 of {name}": value for name, value in self.classes.items()}
        width = max(len(name) for name in rows)
        lines += [f"  {name:<{width}}  {value:.4f}" for name, value in rows.items()]
        return "\n".join(lines)

    def _label(self, name: str) -> str:
        """Return a metric's name with the threshold that it depends on."""
        least = self.thresholds.get("original")
        return f"{name}, score >= {least:g}" if name.endswith("(original)") and least is not None else name
