"""The training loop: steps, averaging, evaluation, saving, resuming."""

from __future__ import annotations

import resource
import signal
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from uhd.config import to_plain
from uhd.data.batch import Batch
from uhd.data.loader import Loader
from uhd.errors import UserError
from uhd.models.weights import save_weights
from uhd.training.checkpoint import prune, save_checkpoint
from uhd.training.config import TrainConfig
from uhd.training.distributed import Processes
from uhd.training.ema import ModelEMA
from uhd.training.optimiser import build_optimiser
from uhd.training.run_log import RunLog
from uhd.training.schedule import learning_rate
from uhd.training.task import Task

_MOST_BAD_STEPS = 20


class Interrupted(Exception):
    """Ctrl-C or SIGTERM arrived; the run has been saved."""


class Trainer:
    """Runs epochs of a task and keeps everything that an exact resume needs.

    Args:
        task: model, objective and measure.
        loader: training batches.
        config: length, optimiser, saving.
        folder: run folder; must exist.
        device: where the model is.
        processes: this process among several.
    """

    def __init__(
        self,
        task: Task,
        loader: Loader,
        config: TrainConfig,
        folder: Path,
        device: torch.device,
        processes: Processes | None = None,
    ) -> None:
        self.task, self.loader, self.config, self.folder, self.device = task, loader, config, folder, device
        self.processes = processes or Processes()
        self._companions = [] if task.companion is None else list(task.companion.parameters())
        self.optimiser = build_optimiser(task.model, config, self._companions)
        self.ema = ModelEMA(task.model, config.ema_decay) if config.use_ema else None
        self.replica = self.processes.wrap(task.model)
        amp = config.use_amp and device.type == "cuda"
        self.amp_dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}[config.amp_dtype] if amp else None
        self.scaler = torch.amp.GradScaler(enabled=self.amp_dtype == torch.float16)
        self.epoch, self.batch, self.step_count = 0, 0, 0
        self.best, self.stale, self.bad_steps = -1.0, 0, 0
        self.metrics: dict[str, float] = {}
        self._stop = False

    @property
    def model(self) -> nn.Module:
        """The weights that are evaluated and shipped."""
        return self.ema.model if self.ema is not None else self.task.model

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Take one optimiser step; returns the loss parts as detached scalars."""
        rate = learning_rate(self.config, self.step_count, len(self.loader))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["lr_scale"]
        with self._precision():
            total, parts = self.task.loss(self.replica, batch)
        self.step_count += 1
        if not bool(torch.isfinite(total)):
            self._note_bad_step()
            self.optimiser.zero_grad(set_to_none=True)
            return parts
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        self.processes.average(self._companions)
        if self.config.grad_clip_norm > 0:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.task.model.parameters(), self.config.grad_clip_norm)
            nn.utils.clip_grad_norm_(self._companions, self.config.grad_clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.ema is not None:
            self.ema.update()
        return parts

    def fit(self) -> dict[str, float]:
        """Train to the configured number of epochs; returns the last metrics.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; a checkpoint from which ``--resume`` continues has been written.
        """
        log = RunLog(self.folder, self.config.tensorboard, self.epoch) if self.processes.main else None
        previous = {number: signal.signal(number, self._request_stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            while self.epoch < self.config.epochs:
                train = self._run_epoch()
                self.epoch, self.batch = self.epoch + 1, 0
                due = self.epoch % self.config.eval_interval == 0 or self.epoch == self.config.epochs
                val = self._evaluate() if due else {}
                if log is not None:
                    log.epoch(self.epoch, train, val)
                    tqdm.write(_summary(self.epoch, self.config.epochs, train, val))
                if self.config.patience and self.stale >= self.config.patience:
                    tqdm.write(f"no better AP50 for {self.stale} evaluations: stopping early")
                    break
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            self.loader.close()
            if log is not None:
                log.close()
        return self.metrics

    def _run_epoch(self) -> dict[str, float]:
        began, waited = time.perf_counter(), self.loader.wait_seconds
        self.replica.train()
        self.task.start_epoch(self.epoch)
        sums: dict[str, Tensor] = {}
        steps = 0
        bar = tqdm(
            total=len(self.loader),
            initial=self.batch,
            desc=f"epoch {self.epoch + 1}/{self.config.epochs}",
            unit="step",
            leave=False,
            disable=not self.processes.main or not sys.stderr.isatty(),
        )
        for batch in self.loader.epoch(self.epoch, self.batch):
            parts = self.step(batch)
            for name, value in parts.items():
                sums[name] = sums[name] + value if name in sums else value.clone()
            steps += 1
            self.batch += 1
            bar.update()
            if steps % self.config.log_interval == 0:
                elapsed = time.perf_counter() - began
                rate = steps * self.loader.batch_size / elapsed
                loss = float(parts.get("loss", torch.zeros(())))
                wait = (self.loader.wait_seconds - waited) / elapsed
                left = (self.config.epochs - self.epoch - 1) * len(self.loader) * elapsed / steps
                bar.set_postfix_str(f"loss {loss:.3f}, {rate:.0f} img/s, wait {wait:.0%}, run {left / 60:.0f} min left")
            if self._stop:
                bar.close()
                self._save("last")
                raise Interrupted
        bar.close()
        elapsed = time.perf_counter() - began
        numbers = {name: float(value) / max(1, steps) for name, value in sums.items()}
        numbers["lr"] = float(self.optimiser.param_groups[0]["lr"])
        numbers["images_per_second"] = steps * self.loader.batch_size / elapsed
        numbers["wait_share"] = (self.loader.wait_seconds - waited) / elapsed
        numbers["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return numbers

    def _evaluate(self) -> dict[str, float]:
        if self.processes.main:
            self.model.eval()
            self.metrics = self.task.evaluate(self.model)
        self.metrics = self.processes.share(self.metrics)
        better = self.metrics["AP50"] > self.best
        self.best = max(self.best, self.metrics["AP50"])
        self.stale = 0 if better else self.stale + 1
        if self.processes.main:
            if better:
                self._save("best")
                self.task.illustrate(self.model, self.folder, self.config.samples)
            self._save("last")
        return self.metrics

    def _save(self, kind: str) -> None:
        if not self.processes.main:
            return
        score = f"_map_{self.metrics.get('AP50', 0.0):.5f}" if kind == "best" else ""
        path = self.folder / f"{kind}_{self.task.tag}_{self.epoch:04d}{score}.pt"
        save_checkpoint(path, self.state())
        metadata = self.task.describe() | {"epoch": self.epoch, "metrics": self.metrics}
        save_weights(path.with_suffix(".safetensors"), self.model.state_dict(), metadata)
        prune(self.folder, f"{kind}_{self.task.tag}_*.pt", self.config.keep)

    def state(self) -> dict[str, Any]:
        """Return everything an exact resume needs, as tensors and plain values."""
        own = {
            "format": 1,
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step_count,
            "best_map": self.best,
            "stale": self.stale,
            "metrics": dict(self.metrics),
            "model": self.task.model.state_dict(),
            "companion": self.task.companion.state_dict() if self.task.companion is not None else None,
            "ema": self.ema.model.state_dict() if self.ema is not None else None,
            "ema_updates": self.ema.updates if self.ema is not None else 0,
            "use_ema": self.ema is not None,
            "optimizer": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "torch_rng": torch.get_rng_state(),
            "train_config": to_plain(self.config),
        }
        return self.task.describe() | self.task.settings() | own

    def restore(self, state: dict[str, Any], where: Path) -> None:
        """Continue from a checkpoint of this trainer.

        Raises:
            UserError: the checkpoint belongs to another architecture or is not of ours.
        """
        missing = {"model", "optimizer", "step", "batch"} - set(state)
        if missing:
            raise UserError(
                f"{where}: cannot be resumed: lacks {', '.join(sorted(missing))}; start with --ckpt instead"
            )
        try:
            self.task.model.load_state_dict(state["model"])
            if self.task.companion is not None:
                self.task.companion.load_state_dict(state.get("companion") or {})
            self.optimiser.load_state_dict(state["optimizer"])
            if self.ema is not None:
                self.ema.model.load_state_dict(state["ema"] or state["model"])
                self.ema.updates = int(state["ema_updates"])
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            raise UserError(f"{where}: belongs to another architecture: {reason}") from None
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["torch_rng"])
        self.epoch, self.batch, self.step_count = int(state["epoch"]), int(state["batch"]), int(state["step"])
        self.best, self.stale, self.metrics = float(state["best_map"]), int(state["stale"]), dict(state["metrics"])

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast("cuda", self.amp_dtype) if self.amp_dtype is not None else nullcontext()

    def _note_bad_step(self) -> None:
        self.bad_steps += 1
        tqdm.write(f"step {self.step_count}: the loss is not finite; the step is left out")
        if self.bad_steps >= _MOST_BAD_STEPS:
            raise UserError(f"the loss was not finite {self.bad_steps} times: lower --lr or check the labels")

    def _request_stop(self, _signal: int, _frame: FrameType | None) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True
        tqdm.write("stopping after this step; the run will be saved (again to stop at once)")


def _summary(epoch: int, epochs: int, train: dict[str, float], val: dict[str, float]) -> str:
    parts = [f"epoch {epoch}/{epochs}", f"loss {train.get('loss', 0):.3f}", f"{train['images_per_second']:.0f} img/s"]
    parts.append(f"wait {train['wait_share']:.0%}")
    if val:
        parts += [f"AP50 {val['AP50']:.4f}", *(f"{k} {val[k]:.4f}" for k in ("AP", "best_f1") if k in val)]
    return "  ".join(parts)
