"""What fine-tuning leaves in its run folder beside checkpoints: every epoch as files for the chip, and the best."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from uhd.export.espdl.finetune.graph import QuantisedGraph
from uhd.files import save_atomic
from uhd.training.hooks import Hook
from uhd.training.training_run import TrainingRun


class EpochFiles(Hook):
    """Writes ``epoch_NNN/NAME.*`` after every epoch, and a better one than all before again as ``best_NAME.*``.

    They are written before the checkpoint that counts the epoch, so none is missing after a run that was killed.

    Args:
        write: writes a graph of esp-ppq under the path of an ``.espdl``, and returns its files.
        folder: of the run.
        name: of the files.
    """

    def __init__(self, write: Callable[[Any, Path], list[Path]], folder: Path, name: str) -> None:
        self.write, self.folder, self.name = write, folder, name

    def on_evaluate(self, trainer: TrainingRun, metrics: Mapping[str, float], best: bool) -> None:
        """Write the weights that were measured."""
        del metrics
        assert isinstance(trainer.model, QuantisedGraph)
        with trainer.model.filled() as graph:
            files = self.write(graph, self.folder / f"epoch_{trainer.epoch:03d}" / f"{self.name}.espdl")
        if not best:
            return
        for file in files:
            # The simulation names the content of the .espdl, not its path.
            save_atomic(self.folder / f"best_{file.name}", lambda place, file=file: shutil.copyfile(file, place))  # type: ignore[misc]
