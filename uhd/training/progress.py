"""What a person sees of a run: a bar on a terminal, lines where there is none, one line per epoch."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from tqdm import tqdm

from uhd.training.hooks import Hook
from uhd.training.training_run import TrainingRun


class Progress(Hook):
    """Shows loss, speed and time left every ``log_interval`` steps, and a summary of every epoch."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._epoch = -1

    def on_step(self, trainer: TrainingRun, parts: Mapping[str, Tensor]) -> None:
        """Move the bar; now and then say more."""
        if trainer.epoch != self._epoch:
            self._open(trainer)
        self._steps += 1
        if self._bar is not None:
            self._bar.update(trainer.config.accumulate)
        if self._steps % trainer.config.log_interval:
            return
        elapsed = time.perf_counter() - self._began
        done = self._steps * trainer.config.accumulate
        rate = done * trainer.images_per_step / elapsed
        wait = (trainer.batches.wait_seconds - self._waited) / elapsed
        steps_left = (trainer.config.epochs - trainer.epoch) * len(trainer.batches) - trainer.batch
        loss = f"loss {float(parts['loss']):.3f}, " if "loss" in parts else ""
        text = f"{loss}{rate:.0f} img/s, wait {wait:.0%}, run {steps_left * elapsed / done / 60:.0f} min left"
        if self._bar is not None:
            self._bar.set_postfix_str(text)
        else:
            say(
                f"epoch {trainer.epoch + 1}/{trainer.config.epochs} step {trainer.batch}/{len(trainer.batches)}: {text}"
            )

    def on_epoch(self, trainer: TrainingRun, train: Mapping[str, float], val: Mapping[str, float]) -> None:
        """Print one line."""
        self._close()
        say(summary(trainer.epoch, trainer.config.epochs, train, val, trainer.task.metric.name))

    def on_end(self, trainer: TrainingRun) -> None:
        """Leave the terminal clean."""
        del trainer
        self._close()

    def _open(self, trainer: TrainingRun) -> None:
        self._close()
        self._epoch, self._steps = trainer.epoch, 0
        self._began, self._waited = trainer.epoch_began, trainer.epoch_waited
        if sys.stderr.isatty():
            title = f"epoch {trainer.epoch + 1}/{trainer.config.epochs}"
            self._bar = tqdm(
                total=len(trainer.batches),
                initial=max(0, trainer.batch - trainer.config.accumulate),
                desc=title,
                unit="step",
                leave=False,
            )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def say(text: str) -> None:
    """Print a line beside a bar; at once, also into a file or a pipe.

    Where nobody can read it any more (the terminal is closed, the pipe broken, the disk of a log full), this and what
    follows is dropped: a training does not end for that.
    """
    try:
        tqdm.write(text)
        sys.stdout.flush()
    except OSError:
        # What is still buffered would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def summary(epoch: int, epochs: int, train: Mapping[str, float], val: Mapping[str, float], metric: str) -> str:
    """Return the line of an epoch (1-based)."""
    parts = [
        f"epoch {epoch}/{epochs}",
        f"loss {train.get('loss', float('nan')):.3f}",
        f"{train['images_per_second']:.0f} img/s",
    ]
    parts.append(f"wait {train['wait_share']:.0%}")
    parts += [f"{name} {val[name]:.4f}" for name in dict.fromkeys((metric, "AP", "best_f1")) if name in val]
    return "  ".join(parts)
