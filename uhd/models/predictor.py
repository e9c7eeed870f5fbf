"""Run a torch model behind the same interface as every other runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uhd.models.network import DetectorNetwork, maps_of
from uhd.models.weights import load_model
from uhd.resize import parse_size
from uhd.runtime.predictor import Prediction, Predictor
from uhd.runtime.spec import ModelSpec


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
    metrics = {name: float(value) for name, value in (meta.get("metrics") or {}).items()}
    values: dict[str, Any] = {
        "input_size": parse_size(size if isinstance(size, str) else "x".join(map(str, size))),
        "resize_mode": meta.get("resize_mode") or "opencv_inter_nearest",
        "class_names": tuple(meta.get("class_names") or ("person",)),
        "metrics": metrics,
    }
    if 0 < metrics.get("best_threshold", 0) < 1:
        values["conf_thresh"] = metrics["best_threshold"]
    return ModelSpec(**(values | {key: value for key, value in known.items() if value is not None}))
