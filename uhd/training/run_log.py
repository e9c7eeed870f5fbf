"""A run's records: one CSV row per epoch, TensorBoard when installed, a text log."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uhd.errors import UserError
from uhd.files import free_name, save_atomic
from uhd.training.checkpoint import HISTORY
from uhd.training.hooks import Hook
from uhd.training.progress import say
from uhd.training.training_run import TrainingRun


class RunLog(Hook):
    """Appends to ``metrics.csv``, ``train.log`` and TensorBoard files in a run folder.

    Args:
        folder: the run folder.
        tensorboard: also write event files when TensorBoard is installed.
        upto_epoch: rows of later epochs, left by an interrupted run, are dropped.
        log_dir: where the event files go, None for the run folder.
    """

    def __init__(self, folder: Path, tensorboard: bool, upto_epoch: int, log_dir: Path | None = None) -> None:
        self.folder = folder
        self._rows = [row for row in _read(folder / HISTORY) if int(row["epoch"]) <= upto_epoch]
        self._writer: Any = None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                self.line("tensorboard is not installed: metrics go to metrics.csv only")
            else:
                try:
                    self._writer = SummaryWriter(str(log_dir or folder), purge_step=upto_epoch + 1)
                except (OSError, UnicodeError) as error:
                    self._no_tensorboard(error)

    def line(self, text: str) -> None:
        """Append a line to ``train.log``.

        Raises:
            UserError: the disk is full.
        """
        path = self.folder / "train.log"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            raise UserError(f"{path}: could not be saved: {error.strerror}") from None

    def on_epoch(self, trainer: TrainingRun, train: Mapping[str, float], val: Mapping[str, float]) -> None:
        """Record the numbers of an epoch."""
        self.epoch(trainer.epoch, train, val)

    def epoch(self, epoch: int, train: Mapping[str, float], val: Mapping[str, float]) -> None:
        """Record the numbers of one epoch (1-based)."""
        row: dict[str, Any] = {"epoch": epoch}
        row |= {f"train/{key}": value for key, value in train.items()}
        row |= {f"val/{key}": value for key, value in val.items()}
        self._rows = [old for old in self._rows if int(old["epoch"]) != epoch] + [row]
        names = list(dict.fromkeys(name for entry in self._rows for name in entry))

        def write(path: Path) -> None:
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(self._rows)

        save_atomic(self.folder / HISTORY, write)
        self.line(f"epoch {epoch} " + json.dumps({k: v for k, v in row.items() if k != "epoch"}))
        self._to_tensorboard(epoch, row)

    def on_end(self, trainer: TrainingRun) -> None:
        """Close the TensorBoard files."""
        del trainer
        self._to_tensorboard(0, None)

    def _to_tensorboard(self, epoch: int, row: Mapping[str, Any] | None) -> None:
        """Write the numbers of an epoch, or close the files; a run does not end because they cannot be written."""
        if self._writer is None:
            return
        try:
            if row is None:
                self._writer.close()
                return
            for name, value in row.items():
                if name != "epoch":
                    self._writer.add_scalar(name, value, epoch)
            self._writer.flush()
        except OSError as error:
            self._no_tensorboard(error)

    def _no_tensorboard(self, error: Exception) -> None:
        self._writer = None
        reason = getattr(error, "strerror", None) or error
        say(f"TensorBoard files cannot be written ({reason}); {HISTORY} has the numbers")


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a history; one that another program has changed beyond reading is moved aside."""
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [row | {"epoch": str(int(float(row["epoch"])))} for row in csv.DictReader(file)]
    except (ValueError, KeyError, TypeError, csv.Error):
        aside = free_name(path.with_name(f"{path.name}.changed"), "-")
        path.rename(aside)
        say(f"{path}: cannot be read any more; it is {aside.name} now, and a new one begins")
        return []
