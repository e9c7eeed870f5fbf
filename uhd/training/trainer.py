"""The training loop of any task: epochs, evaluation, saving, resuming, stopping."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from uhd.config import to_plain
from uhd.errors import UserError
from uhd.training.checkpoint import prune, write_checkpoint
from uhd.training.config import TrainConfig
from uhd.training.distributed import Processes, is_lost
from uhd.training.folder import has_best, held
from uhd.training.hooks import Hook
from uhd.training.kept_memory import kept_memory
from uhd.training.late import LateFlags
from uhd.training.means import StepMeans
from uhd.training.memory import peak_megabytes
from uhd.training.progress import Progress, say
from uhd.training.run_log import RunLog
from uhd.training.schedule import learning_rate, rate_reached
from uhd.training.signals import stop_signals
from uhd.training.state import load_state, state_of
from uhd.training.step import Stepper
from uhd.training.task import Batches, Task

_MOST_BAD_STEPS = 20


class Interrupted(Exception):
    """Ctrl-C, SIGTERM or a hook asked the run to stop; the run has been saved."""


class Trainer:
    """Runs epochs of a task and keeps everything that an exact resume needs. It writes nothing before :meth:`fit`.

    Args:
        task: model, objective and measure.
        batches: what it learns from.
        config: length, optimiser, saving.
        folder: run folder; made when the run starts.
        device: where the model is.
        processes: this process among several.
        hooks: called at fixed moments, in the main process.

    Attributes:
        epoch: finished epochs.
        batch: finished batches of the present epoch.
        step_count: steps so far, over all epochs.
        best: value of the task's metric at the best epoch so far, ``best_epoch``; None before the first evaluation.
        stale: evaluations since then.
        metrics: of the last evaluation.
    """

    def __init__(
        self,
        task: Task,
        batches: Batches,
        config: TrainConfig,
        folder: Path,
        device: torch.device,
        processes: Processes | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        self.task, self.batches, self.config, self.folder, self.device = task, batches, config, folder, device
        self.processes = processes or Processes()
        self.stepper = Stepper(task, config, device, self.processes, self.steps_per_epoch)
        self.hooks = list(hooks)
        self.epoch, self.batch, self.step_count = 0, 0, 0
        self.best: float | None = None
        self.best_epoch, self.stale, self.bad_steps = 0, 0, 0
        self.metrics: dict[str, float] = {}
        self.means = StepMeans()
        self.epoch_began, self.epoch_waited = time.perf_counter(), batches.wait_seconds
        self._flags, self._stop, self._saved = LateFlags(), False, time.monotonic()

    @property
    def model(self) -> nn.Module:
        """The weights that are evaluated and shipped."""
        return self.stepper.ema.model if self.stepper.ema is not None else self.task.model

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch; the last one may have fewer batches than the others."""
        return -(-len(self.batches) // self.config.accumulate)

    @property
    def images_per_step(self) -> int:
        """Samples of one batch, of all processes together; a step takes ``accumulate`` of them."""
        return self.batches.batch_size * self.processes.world

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self.epoch >= self.config.epochs or self._out_of_patience

    def step(self, batch: Any, *more: Any) -> dict[str, Tensor]:
        """Take one optimiser step with one batch, or several joined; returns the loss parts as detached scalars."""
        rate = learning_rate(self.config, self.step_count, self.steps_per_epoch)
        parts, good = self.stepper.take(batch, rate, more)
        self.step_count += 1
        self.means.add(parts, good)
        self._count_bad(self._flags.add(good))
        return parts

    def request_stop(self) -> None:
        """End the run after the present step, saved, in every process: :meth:`fit` raises :class:`Interrupted`."""
        self._stop = True

    def fit(self) -> dict[str, float]:
        """Train to the configured number of epochs; returns the last metrics.

        Raises:
            Interrupted: a stop was requested; a checkpoint from which ``--resume`` continues has been written.
            UserError: another process is gone, or the data failed; likewise. Or another run has the folder.
        """
        with ExitStack() as stack:
            if self.processes.main:
                self.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(self.folder))
                log = RunLog(self.folder, self.config.tensorboard, self.epoch, self.config.log_dir)
                self.hooks = [Progress(), log, *self.hooks]
            self._saved = time.monotonic()
            self._run()
        return self.metrics

    @property
    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.stale

    def _run(self) -> None:
        try:
            with stop_signals(self._stop_by_signal), kept_memory():
                self._call("on_start")
                while not self.finished:
                    self._run_epoch()
        except RuntimeError as error:
            if self.processes.world == 1 or not is_lost(error):
                raise
            self._save_alone()
            where = f"the run is saved: continue with --resume {self.folder}"
            raise UserError(f"another process of this run is gone; {where}") from error
        except BaseException:
            # What ended the run is what is to be told, not what then failed on a full disk.
            with suppress(OSError, UserError):
                self._end()
            raise
        self._end()

    def _end(self) -> None:
        with ExitStack() as stack:  # every hook has its turn, whatever another one raises
            for hook in reversed(self.hooks if self.processes.main else []):
                stack.callback(hook.on_end, self)
            self.batches.close()

    def _run_epoch(self) -> None:
        self.stepper.replica.train()
        self.task.start_epoch(self.epoch)
        self.epoch_began, self.epoch_waited = time.perf_counter(), self.batches.wait_seconds
        done = 0
        # A run stops and is saved between windows, never with half a gradient.
        for window in self._agreed(windows(self.batches.epoch(self.epoch, self.batch), self.config.accumulate)):
            parts = self.step(*window)
            done, self.batch = done + len(window), self.batch + len(window)
            self._call("on_step", parts)
            if 0 < self.config.save_minutes * 60 < time.monotonic() - self._saved:
                self.save("last")
        train = self._numbers(done)
        self.epoch, self.batch, self.means = self.epoch + 1, 0, StepMeans()
        due = self.epoch % self.config.eval_interval == 0 or self.epoch == self.config.epochs
        val = self._evaluate() if due else {}
        self.save("last")
        self._call("on_epoch", train, val)
        if self._out_of_patience and self.processes.main:
            say(f"no better {self.task.metric.name} for {self.stale} evaluations: stopping early")

    def _agreed(self, batches: Iterator[list[Any]]) -> Iterator[list[Any]]:
        """Yield batches; all processes stop together, and together when one of them has none to go on with."""
        while True:
            batch, failure = None, None
            try:
                batch = next(batches, None)
            except Exception as error:  # noqa: BLE001  raised again below, once the others know
                failure = error
            stop, failed = self.processes.any(self._stop, failure is not None)
            if not stop and not failed:
                if batch is None:
                    return
                yield batch
                continue
            self._count_bad(self._flags.read())
            self.save("last")
            how = f"the run is saved: continue with --resume {self.folder}"
            if isinstance(failure, UserError):
                raise UserError(f"{failure}; {how}") from failure
            if failure is not None:
                raise failure
            if failed:
                raise UserError(f"another process has no data; {how}")
            raise Interrupted(f"stopped; continue with --resume {self.folder}")

    def _numbers(self, batches: int) -> dict[str, float]:
        self._count_bad(self._flags.read())
        numbers = self.means.means()
        if not numbers and not self.stepper.scaler.is_enabled():
            raise UserError(
                f"epoch {self.epoch + 1}: the loss was finite in none of its steps: lower --lr or check the labels"
            )
        elapsed = time.perf_counter() - self.epoch_began
        numbers["lr"] = rate_reached(self.config, self.step_count, self.steps_per_epoch)
        numbers["images_per_second"] = self.processes.sum(batches * self.batches.batch_size / elapsed)
        numbers["wait_share"] = (self.batches.wait_seconds - self.epoch_waited) / elapsed
        peak = peak_megabytes()
        return numbers | ({} if peak is None else {"peak_memory_mb": peak})

    def _evaluate(self) -> dict[str, float]:
        if self.processes.main:
            self.model.eval()
            self.metrics = self.task.evaluate(self.model)
        self.metrics = self.processes.share(self.metrics)
        value = self.metrics.get(self.task.metric.name)
        best = value is not None and self.task.metric.better(value, self.best)
        self.stale = 0 if best or value is None else self.stale + 1
        if value == self.best == 0 and self.task.metric.larger_is_better:
            # Where nothing was ever found, the weights of the first epoch are no better than those of the last.
            best = best or self.finished
        if best:
            self.best, self.best_epoch = value, self.epoch
        if best:
            self.save("best")
        self._call("on_evaluate", self.metrics, best)
        return self.metrics

    def save(self, kind: str = "last") -> None:
        """Write a checkpoint, in the main process: ``last`` or ``best``."""
        if not self.processes.main:
            return
        metric, meta = self.task.metric, self.task.describe() | {"epoch": self.epoch, "metrics": self.metrics}
        if kind == "best":
            meta["score"] = f"{metric.label}_{self.metrics.get(metric.name, 0.0):.5f}"
        weights = self.model.state_dict()
        path = write_checkpoint(self.folder, kind, self.task.tag, self.epoch, self.state(), weights, meta)
        prune(self.folder, f"{kind}_{self.task.tag}_*.pt", self.config.keep)
        if kind == "last":
            self._saved = time.monotonic()
        self._call("on_checkpoint", path, kind)

    def state(self) -> dict[str, Any]:
        """Return everything an exact resume needs, as tensors and plain values."""
        own = state_of(self) | {"train_config": to_plain(self.config)}
        return self.task.describe() | self.task.settings() | own

    def restore(self, state: Mapping[str, Any], where: Path) -> str:
        """Continue from a checkpoint of this trainer; see :func:`uhd.training.state.load_state`.

        A best that no file holds any more is forgotten.
        """
        said = load_state(self, state, where)
        if self.best is not None and not has_best(self.folder, where):
            self.best, self.best_epoch = None, 0
        return said

    def _save_alone(self) -> None:
        # Every process that is left has the same weights; whichever of them reaches the folder saves the run.
        self.stepper.undo_buffers()
        self.processes = Processes()
        self.save("last")

    def _call(self, moment: str, *arguments: Any) -> None:
        if self.processes.main:
            for hook in self.hooks:
                getattr(hook, moment)(self, *arguments)

    def _count_bad(self, flags: list[bool]) -> None:
        bad = flags.count(False)
        if not bad:
            return
        self.bad_steps += bad
        if self.processes.main:
            say(f"step {self.step_count}: the loss or its gradient is not finite; the step is left out")
        # Half precision finds its scale by steps that overflow.
        if self.bad_steps >= _MOST_BAD_STEPS and not self.stepper.scaler.is_enabled():
            raise UserError(f"the loss was not finite {self.bad_steps} times: lower --lr or check the labels")

    def _stop_by_signal(self) -> None:
        self.request_stop()
        if self.processes.main:
            say("stopping after this step; the run will be saved (again to stop at once)")


def windows(batches: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of so many batches; the last has what is left."""
    while window := list(islice(batches, size)):
        yield window
