"""``.keras`` files of a run, beside its checkpoints: the weights that were measured, averaged where they are."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import keras

from uhd.card import ModelCard
from uhd.keras_detector.convert import assign_state_dict
from uhd.keras_detector.files import save_keras_model
from uhd.keras_detector.model import create_keras_model
from uhd.keras_detector.saved_model import has_tensorflow, write_saved_model
from uhd.models.ultratinyod.network import UltraTinyOD
from uhd.training.checkpoint import name_again, prune
from uhd.training.hooks import Hook

if TYPE_CHECKING:
    from uhd.training.training_run import TrainingRun


class KerasFiles(Hook):
    """Writes ``best_utod_0012_map_0.43210.keras``, ``last_...`` and both under their stable names.

    Where TensorFlow is installed, the best lies beside its file as a SavedModel folder of the same name.
    """

    def __init__(self) -> None:
        self._model: keras.Model | None = None

    def on_checkpoint(self, trainer: TrainingRun, path: Path, kind: str) -> None:
        """Write the network that evaluation sees, with its card."""
        network, metric = trainer.model, trainer.task.metric
        assert isinstance(network, UltraTinyOD)
        card = ModelCard.from_checkpoint(trainer.task.describe())
        if self._model is None:
            self._model = create_keras_model(network.config, card.input_size)
        state = {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}
        assign_state_dict(self._model, state)
        value = trainer.metrics.get(metric.name)
        score = "" if value is None else f"_{metric.label}_{value:.5f}"
        file = path.with_name(f"{kind}_{trainer.task.tag}_{trainer.epoch:04d}{score}.keras")
        save_keras_model(self._model, file, network.config, card)
        name_again(file, path.with_name(f"{kind}.keras"))
        if kind == "best" and has_tensorflow():
            write_saved_model(file, file.with_suffix(""))
        pattern = f"{kind}_{trainer.task.tag}_*"
        prune(path.parent, f"{pattern}.keras", trainer.config.keep)
        for folder in path.parent.glob(pattern):
            if (folder / "saved_model.pb").is_file() and not folder.with_name(f"{folder.name}.keras").exists():
                shutil.rmtree(folder)
