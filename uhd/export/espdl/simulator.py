"""Score an ``.espdl`` without a chip: its quantised graph in esp-ppq's executor, behind the interface of every runtime.

Simulated: weights, biases and activations rounded and clipped as the chip stores them (powers of two as scales, 8 or 16
bits, the S3's rounding half up), and tables of activation functions in 16 bits. Not simulated: convolutions accumulate
in float32 instead of integers, so an output may be a step of its scale beside the chip's. Nothing is said about speed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.export.espdl.record import load_simulation, simulator_path
from uhd.export.espdl.simulation import Simulation
from uhd.resize import input_channels
from uhd.runtime.outputs import can_read, reader_of
from uhd.runtime.predictor import Prediction, Predictor
from uhd.runtime.raw_output import CONSTANTS

Array = NDArray[np.float32]


class RawMapPredictor(Predictor):
    """Anything that turns batches into raw maps, as a detector.

    Args:
        run: from images (n, C, h, w) to the outputs by name.
        constants: ``anchors`` and ``wh_scale``.
        metadata: of the model.
        known: fields of :class:`ModelSpec` that replace the metadata.

    Raises:
        UserError: outputs that are not those of a detector.
        ValueError: shapes or metadata that do not agree with them.
    """

    def __init__(
        self,
        run: Callable[[Array], Mapping[str, Array]],
        constants: Mapping[str, Array],
        metadata: Mapping[str, str],
        **known: Any,
    ) -> None:
        self.run, self.constants = run, dict(constants)
        self.spec = ModelSpec.from_metadata(metadata, **known)
        shape = (1, input_channels(self.spec.resize_mode), *self.spec.input_size)
        tensors = {**run(np.zeros(shape, np.float32)), **self.constants}
        if not can_read(list(tensors)):
            raise UserError(f"outputs {', '.join(tensors)} are not those of a detector, so they cannot be scored")
        self._read = reader_of(list(tensors), metadata, len(self.spec.class_names), lambda: tensors)

    def infer(self, batch: Array) -> list[Prediction]:
        """Run the network on (B, C, h, w); see :meth:`Predictor.infer`."""
        return self._read({**self.run(batch), **self.constants})


class EspdlPredictor(RawMapPredictor):
    """An ``.espdl`` file, simulated from the file that was written beside it.

    Args:
        path: the ``.espdl``.
        threads: torch threads, or None to leave them.
        known: fields of :class:`ModelSpec` that replace the file's.

    Raises:
        UserError: the file beside it is missing or belongs to another one, or esp-ppq is not installed.
    """

    def __init__(self, path: str | Path, threads: int | None = None, **known: Any) -> None:
        path = Path(path)
        if threads:
            torch.set_num_threads(threads)
        graph, table = load_simulation(simulator_path(path), path)
        try:
            super().__init__(Simulation(graph).run, read_constants(table), table, **known)
        except (ValueError, TypeError, UserError) as error:
            raise UserError(f"{path}: cannot be used as a detector: {error}") from None


def constants_to_metadata(constants: Mapping[str, Array]) -> dict[str, str]:
    """Return anchors (A, 2) and their scale (A, 2) as text values."""
    return {f"espdl_{name}": " ".join(repr(float(v)) for v in values.ravel()) for name, values in constants.items()}


def read_constants(table: Mapping[str, str]) -> dict[str, Array]:
    """Return what :func:`constants_to_metadata` wrote, as (A, 2) arrays."""
    keys = {name: table.get(f"espdl_{name}") for name in CONSTANTS}
    return {name: np.array(text.split(), np.float32).reshape(-1, 2) for name, text in keys.items() if text is not None}
