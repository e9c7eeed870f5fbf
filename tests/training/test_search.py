"""uhd tune: ranges from the knobs, one study for racing processes, killed and continued, best settings as YAML."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
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

study = open_study(sys.argv[1], sys.argv[5])
print("ready", flush=True)
sys.stdin.readline()
run_study(study, dimensions([TrainConfig()], ["lr"]), measure, int(sys.argv[2]), float(sys.argv[4]))
"""


def worker(storage: str, trials: int, seconds: float, minutes: float = 0, name: str = "race") -> subprocess.Popen[str]:
    """Start a process that opens a study, says so, waits for a line, and tries settings of so many seconds each."""
    command = [sys.executable, "-c", WORKER, storage, str(trials), str(seconds), str(minutes), name]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def numbers(workers: list[subprocess.Popen[str]]) -> list[list[int]]:
    """Let all begin together once all have opened the study; returns the trials of each."""
    for each in workers:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n", each.communicate()
    for each in workers:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    outputs = [each.communicate(timeout=300) for each in workers]
    assert [each.returncode for each in workers] == [0] * len(workers), outputs
    return [[int(line) for line in output.split()] for output, _ in outputs]


def postgresql() -> Iterator[str]:
    """Yield the address of a server that listens in a folder of its own alone; skip where none is installed."""
    pytest.importorskip("psycopg")
    places = [Path(found).parent] if (found := shutil.which("initdb")) else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not places:
        pytest.skip("no PostgreSQL server is installed")
    folder = Path(tempfile.mkdtemp(prefix="uhd-pg-"))
    user = []
    if os.getuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        user = ["runuser", "-u", "postgres", "--"]

    def call(name: str, *words: str) -> None:
        command = [*user, str(places[0] / name), "-D", str(folder / "data"), *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    try:
        call("initdb", "--auth=trust", "--username=tuner", "--no-sync")
        socket = f"-k {folder} -c listen_addresses='' -c fsync=off"
        call("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", socket)
        try:
            yield f"postgresql+psycopg://tuner@/postgres?host={folder}"
        finally:
            call("pg_ctl", "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'study.db'}"
    else:
        yield from postgresql()


def test_dimensions_are_those_of_the_knobs() -> None:
    lr, batch, optimizer, ema = dimensions([TrainConfig(), LossConfig()], ["lr", "batch-size", "optimizer", "use_ema"])
    assert (lr.low, lr.high, lr.log, lr.whole) == (1e-4, 0.03, True, False)
    assert (batch.whole, batch.holds_default) == (True, True)
    assert optimizer.choices == ("adamw", "sgd", "muon")
    assert ema.choices == (False, True)
    for wrong, told in (("lrr", "did you mean 'lr'"), ("epochs", "has no range")):
        with pytest.raises(UserError, match=told):
            dimensions([TrainConfig()], [wrong])


def test_data_that_no_trial_could_read_leave_no_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", str(tmp_path / "none"), "--output", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_processes_that_start_at_once_share_a_study_and_a_killed_one_is_continued(storage: str) -> None:
    shares = numbers([worker(storage, 6, 0.1) for _ in range(3)])  # which make the study at once
    assert min(map(len, shares)) > 0
    tried = sum(map(len, shares))
    assert len({number for share in shares for number in share}) == tried
    assert 6 <= tried <= 8  # the others may have begun one when the last came to its end
    study = optuna.load_study(study_name="race", storage=storage)
    assert TrainConfig().lr in [trial.params["lr"] for trial in study.trials]
    killed = worker(storage, 99, 0.2)
    assert killed.stdin is not None
    assert killed.stdout is not None
    killed.stdin.write("\n")
    killed.stdin.flush()
    assert [killed.stdout.readline() for _ in range(2)][1].strip().isdigit()  # it is within a trial
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))
    assert list(map(len, numbers([worker(storage, before + 1, 0)]))) == [1]


@pytest.mark.slow
def test_two_processes_finish_more_trials_than_one_in_the_same_time(storage: str) -> None:
    alone = numbers([worker(storage, 999, 0.3, 0.1, "one")])
    both = numbers([worker(storage, 999, 0.3, 0.1, "two") for _ in range(2)])
    assert sum(map(len, both)) > 1.4 * len(alone[0])


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
