"""Run a torch model behind the same interface as every other runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uhd.card import ModelCard
from uhd.models.folding import folded
from uhd.models.network import DetectorNetwork, maps_of
from uhd.models.weights import is_as_measured, load_model
from uhd.runtime.predictor import Prediction, Predictor

_OF_THE_NETWORK = ("heads", "score_mode", "quality_power")
# Torch's pool of threads does not come along into a forked process, and a run there would wait for it for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


class TorchPredictor(Predictor):
    """A detector network in torch.

    Args:
        source: a checkpoint, or a model in evaluation mode, as it is at the first :meth:`infer`.
        spec: how to feed a model given as such; a checkpoint brings its own.
        threads: torch threads, or None to leave them.
        known: fields of :class:`ModelCard` that replace the checkpoint's, and ``heads``, ``score_mode`` and
            ``quality_power`` of its network.
    """

    def __init__(
        self, source: Path | DetectorNetwork, spec: ModelCard | None = None, threads: int | None = None, **known: Any
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        if isinstance(source, DetectorNetwork):
            self.model, self.spec = source, spec or ModelCard()
        else:
            changes = {name: value for name in _OF_THE_NETWORK if (value := known.pop(name, None)) is not None}
            self.model, meta = load_model(Path(source), changes=changes)
            self.spec = spec_of(meta, **known)
            if changes and not is_as_measured(Path(source), True, self.model.config):
                self.spec = self.spec.without_metrics()
        self.device = next(self.model.parameters()).device
        self._fast: DetectorNetwork | None = None

    @torch.inference_mode()
    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Run the network on (B, C, h, w); see :meth:`Predictor.infer`."""
        maps = maps_of(self._network()(torch.from_numpy(batch).to(self.device)))
        return self.model.predictions(tuple(each.float().cpu().numpy() for each in maps))

    def _network(self) -> DetectorNetwork:
        """Return what runs: a folded copy, unless the network still learns or rounds the weights it has now."""
        if self.model.training or self.model.quantisation is not None or not self.model.foldable:
            return self.model
        if self._fast is None:
            self._fast = folded(self.model)
        return self._fast


def spec_of(meta: dict[str, Any], **known: Any) -> ModelCard:
    """Return the card that a checkpoint's metadata describes; missing fields take the defaults."""
    return ModelCard.from_checkpoint(meta, **known)
