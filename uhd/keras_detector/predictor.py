"""Run a Keras model behind the same interface as every other runtime, on whatever backend Keras has."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from uhd.heads import decode
from uhd.keras_detector.anchor_table import anchor_table
from uhd.keras_detector.files import open_keras_model
from uhd.models.ultratinyod.layout import layout_of
from uhd.runtime.predictor import Prediction, Predictor


class KerasPredictor(Predictor):
    """A ``.keras`` detector.

    Args:
        path: the file.
        threads: of the backend; None and 0 leave them. Torch takes the number, other backends have their own settings.
        known: fields of :class:`~uhd.card.ModelCard` that replace the file's.
    """

    def __init__(self, path: Path, threads: int | None = None, **known: Any) -> None:
        if threads and keras.backend.backend() == "torch":
            import torch

            torch.set_num_threads(threads)
        self.model, config, card = open_keras_model(Path(path))
        wanted = {name: value for name, value in known.items() if value is not None}
        self.spec = dataclasses.replace(card, **wanted)
        self._layout = layout_of(config, *anchor_table(self.model).values())

    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Run the network on (B, C, h, w); see :meth:`Predictor.infer`."""
        images = np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
        raw = keras.ops.convert_to_numpy(self.model(images, training=False))
        maps = np.ascontiguousarray(np.asarray(raw, np.float32).transpose(0, 3, 1, 2))
        return list(zip(*decode(maps, self._layout), strict=True))
