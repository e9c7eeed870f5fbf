"""uhd tune: ranges from the knobs, one study for racing processes, killed and continued, best settings as YAML."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.training.test_resume_exactly import photos
from uhd.cli import main
from uhd.errors import UserError
from uhd.losses.config import LossConfig
from uhd.training.config import TrainConfig
from uhd.training.search import dimensions

__all__ = ["photos"]
optuna = pytest.importorskip("optuna")

WORKER = """
import sys, time
from uhd.training.config import TrainConfig
from uhd.training.search import dimensions, open_study, run_study

def measure(trial, values):
    print(trial.number, flush=True)
    time.sleep(float(sys.argv[3]))
    return -(values["lr"] - 0.01) ** 2

study = open_study(sys.argv[1], "race")
run_study(study, dimensions([TrainConfig()], ["lr"]), measure, int(sys.argv[2]))
"""


def worker(storage: str, trials: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, storage, str(trials), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_dimensions_are_those_of_the_knobs() -> None:
    lr, batch, optimizer, ema = dimensions([TrainConfig(), LossConfig()], ["lr", "batch-size", "optimizer", "use_ema"])
    assert (lr.low, lr.high, lr.log, lr.whole) == (1e-4, 0.03, True, False)
    assert (batch.whole, batch.holds_default) == (True, True)
    assert optimizer.choices == ("adamw", "sgd", "muon")
    assert ema.choices == (False, True)
    for wrong, told in (("lrr", "did you mean 'lr'"), ("epochs", "has no range")):
        with pytest.raises(UserError, match=told):
            dimensions([TrainConfig()], [wrong])


@pytest.mark.slow
def test_processes_that_start_at_once_share_a_study_and_a_killed_one_is_continued(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    both = [worker(storage, 4, 0.1) for _ in range(2)]
    outputs = [each.communicate(timeout=120) for each in both]
    assert [each.returncode for each in both] == [0, 0], outputs
    shares = [[int(line) for line in output.split()] for output, _ in outputs]
    assert min(map(len, shares)) > 0
    assert len({number for share in shares for number in share}) == sum(map(len, shares)) in (4, 5)
    study = optuna.load_study(study_name="race", storage=storage)
    assert TrainConfig().lr in [trial.params["lr"] for trial in study.trials]
    killed = worker(storage, 99, 0.2)
    assert killed.stdout is not None
    killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))
    output, _ = worker(storage, before + 1, 0).communicate(timeout=120)
    assert len(output.split()) == 1


@pytest.mark.slow
def test_the_best_settings_are_a_file_to_train_with(photos: Path, tmp_path: Path, capsys) -> None:
    flags = ["--cnn-width", "4", "--batch-size", "8", "--threads", "1", "--samples", "0", "--epochs", "1"]
    command = [
        "tune",
        str(photos),
        *flags,
        "--output",
        str(tmp_path),
        "--exp-name",
        "t",
        "--search",
        "lr,loss_weight_box",
    ]
    assert main([*command, "--trials", "2", "--sampler-seed", "0"]) == 0
    capsys.readouterr()
    assert main([*command, "--trials", "2", "--json"]) == 0  # finished already: only told again
    told = json.loads(capsys.readouterr().out)
    assert told["trials"] == 2
    assert told["best"]["AP50"] >= told["defaults"]
    assert (tmp_path / "t/search.png").stat().st_size > 1000
    table = yaml.safe_load((tmp_path / "t/best.yaml").read_text())
    assert {name: table[name] for name in ("lr", "loss_weight_box")} == pytest.approx(told["values"])
    assert table["cnn_width"] == 4
    assert main(["train", "--config", str(tmp_path / "t/best.yaml"), "--print-config"]) == 0
    assert main([*command, "--storage", "mongodb://x"]) == 2
    assert "--storage mongodb://x: cannot be used" in capsys.readouterr().err
