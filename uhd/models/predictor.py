"""Run a torch model behind the same interface as every other runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.models.network import DetectorNetwork, maps_of
from uhd.models.weights import load_model
from uhd.resize import parse_size
from uhd.runtime.predictor import Prediction, Predictor

# What a checkpoint says of its labels, handed on to model files: numbers in the label files, and their roles; and which
# split its figures were measured on.
LABELS = ("metrics_split", "classes", "multi_label_mode", "multi_label_det_classes", "multi_label_attr_classes")


class TorchPredictor(Predictor):
    """A detector network in torch.

    Args:
        source: a checkpoint, or a model that is used as it is.
        spec: how to feed a model given as such; a checkpoint brings its own.
        threads: torch threads, or None to leave them.
        known: fields of :class:`ModelSpec` that replace the checkpoint's.
    """

    def __init__(
        self, source: Path | DetectorNetwork, spec: ModelSpec | None = None, threads: int | None = None, **known: Any
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        if isinstance(source, DetectorNetwork):
            self.model, self.spec = source, spec or ModelSpec()
        else:
            self.model, meta = load_model(Path(source))
            self.spec = spec_of(meta, **known)
        self.device = next(self.model.parameters()).device

    @torch.inference_mode()
    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Run the network; see :meth:`Predictor.infer`."""
        maps = maps_of(self.model(torch.from_numpy(batch).to(self.device)))
        return self.model.predictions(tuple(each.float().cpu().numpy() for each in maps))


def spec_of(meta: dict[str, Any], **known: Any) -> ModelSpec:
    """Return the spec that a checkpoint's metadata describes; missing fields take the defaults."""
    size = meta.get("img_size") or "64x64"
    measured = meta.get("metrics")
    metrics = {
        name: float(value)
        for name, value in (measured.items() if isinstance(measured, dict) else ())
        if isinstance(value, int | float)
    }
    values: dict[str, Any] = {
        "input_size": parse_size(size if isinstance(size, str) else "x".join(map(str, size))),
        "resize_mode": meta.get("resize_mode") or "opencv_inter_nearest",
        "class_names": tuple(meta.get("class_names") or names_of(meta)),
        "metrics": metrics,
        "licence": str(meta.get("license") or ""),
        "version": str(meta.get("version") or ""),
        "extra": {key: text for key in LABELS if (text := _listed(meta.get(key))) not in ("", "none")},
    }
    if 0 < metrics.get("best_threshold", 0) < 1:
        values["conf_thresh"] = metrics["best_threshold"]
    return ModelSpec(**(values | {key: value for key, value in known.items() if value is not None}))


def names_of(meta: dict[str, Any]) -> tuple[str, ...]:
    """Return names for the classes of a checkpoint that has only their numbers, as the original's: objects first."""
    parts = [meta.get(f"multi_label_{part}_classes") for part in ("det", "attr")]
    numbers = _listed([_listed(part) for part in parts] if all(parts) else meta.get("classes")).split(",")
    return ("person",) if len(numbers) == 1 else tuple(numbers)


def _listed(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value).replace(" ", ",")
