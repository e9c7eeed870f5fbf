"""However a run ends, what ended it is told, and what it has is kept."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.toy import PromptBatches, PromptTask, toy_trainer
from uhd.errors import UserError
from uhd.training.device import choose_device
from uhd.training.distributed import Processes
from uhd.training.hooks import Hook
from uhd.training.progress import say, summary
from uhd.training.run_log import RunLog
from uhd.training.signals import stop_signals
from uhd.training.task import Metric
from uhd.training.trainer import Trainer


class Ends(Hook):
    """Fails at its end, or only notes it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.ended = error, False

    def on_end(self, trainer: Trainer) -> None:
        self.ended = True
        if self.error is not None:
            raise self.error


def test_every_hook_has_its_end_and_the_first_error_is_told(tmp_path: Path) -> None:
    hooks = [Ends(OSError("disk full")), Ends()]
    with pytest.raises(OSError, match="disk full"):
        toy_trainer(tmp_path / "a", 1, hooks=hooks).fit()
    assert hooks[1].ended
    with pytest.raises(OSError, match="cannot be read"):
        toy_trainer(tmp_path / "b", batches=PromptBatches(fail_at=0), hooks=hooks).fit()


def test_an_epoch_of_bad_steps_ends_the_run(tmp_path: Path) -> None:
    class Bad(PromptTask):
        def loss(self, model: Any, batch: Any) -> Any:
            self.bad_at = self.calls if self.calls >= 4 else -1
            return super().loss(model, batch)

    with pytest.raises(UserError, match="epoch 2: the loss was finite in none of its steps"):
        toy_trainer(tmp_path, 9, task=Bad()).fit()
    assert "loss nan" in summary(1, 2, {"images_per_second": 1, "wait_share": 0}, {}, "AP50")


@pytest.mark.parametrize("patience", [0, 1])
def test_where_nothing_was_ever_found_the_last_epoch_is_the_best(tmp_path: Path, patience: int) -> None:
    class Blind(PromptTask):
        metric = Metric("score")

        def evaluate(self, model: Any) -> dict[str, float]:
            return {"score": 0.0}

    trainer = toy_trainer(tmp_path, 3, task=Blind(), patience=patience)
    trainer.fit()
    assert trainer.best_epoch == trainer.epoch == (2 if patience else 3)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals that hang up")
def test_a_closed_terminal_asks_to_stop_unless_that_is_ignored() -> None:
    asked: list[bool] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a test under nohup has it ignored
    try:
        with stop_signals(lambda: asked.append(True)):
            signal.raise_signal(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
        with stop_signals(lambda: asked.append(True)):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert asked == [True]


def test_a_reader_that_leaves_ends_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as out:
        monkeypatch.setattr("sys.stdout", out)
        say("nobody reads this")
        say("nor this")


def test_tensorboard_that_cannot_be_written_ends_no_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full:
        def add_scalar(self, *_: object) -> None:
            raise OSError(28, "No space left on device")

    log = RunLog(tmp_path, False, 0)
    log._writer = Full()
    log.epoch(1, {"loss": 1.0}, {})
    log.epoch(2, {"loss": 1.0}, {})
    assert capsys.readouterr().out.count("TensorBoard files cannot be written (No space left on device)") == 1
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("name", ["meta", "tpu", ""])
def test_a_device_that_does_not_compute_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"--device {name}: "):
        choose_device(name, Processes())
    assert choose_device("cpu", Processes()) == torch.device("cpu")


HEADER = "epoch,train/loss\n"


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"\xef\xbb\xbf" + HEADER.encode() + b"1,0.5\n", 1),
        (HEADER.encode() + b"1.0,0.5\n", 1),
        (b"", 0),
        (b"epoch;train/loss\n1;0,5\n", None),
        (b"\xff\xfe\x00", None),
        (HEADER.encode() + b"one,0.5\n", None),
    ],
    ids=["excel", "pandas", "empty", "semicolons", "bytes", "words"],
)
def test_a_history_that_another_program_has_saved(tmp_path: Path, content: bytes, rows: int | None) -> None:
    (tmp_path / "metrics.csv").write_bytes(content)
    RunLog(tmp_path, False, 1).epoch(2, {"loss": 0.25}, {})
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[0] == "epoch,train/loss"
    assert lines[-1] == "2,0.25"
    assert len(lines) == 2 + (rows or 0)
    aside = tmp_path / "metrics.csv.changed-1"
    assert (aside.read_bytes() == content) if rows is None else not aside.exists()
