"""What lies in a run folder is found again, taken along, or moved aside; one run at a time writes there."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import pytest

from tests.training.toy import toy_trainer
from uhd.errors import UserError
from uhd.models.weights import read_checkpoint
from uhd.training.checkpoint import holds_run, newest_last
from uhd.training.folder import check_free, claim_folder, find_last, has_best, held, unreadable


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three epochs whose best is the last."""
    folder = tmp_path_factory.mktemp("runs") / "a"
    toy_trainer(folder, 3).fit()
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "a")


@pytest.mark.parametrize("name", ["last.pt", "best.safetensors", "metrics.csv", "best_utod_0001_map_0.1.pt"])
def test_any_trace_of_a_run_keeps_another_one_out(tmp_path: Path, name: str) -> None:
    assert not holds_run(tmp_path)
    (tmp_path / name).touch()
    with pytest.raises(UserError, match="holds a run already"):
        check_free(tmp_path, None, False, "--exp-name")


def test_the_stable_name_alone_is_enough(run: Path) -> None:
    for path in run.glob("last_*"):
        path.unlink()
    assert newest_last(run) == run / "last.pt"


def test_weights_alone_are_no_state_of_a_run(run: Path) -> None:
    with pytest.raises(UserError, match=r"holds weights alone: --resume \S+best\.pt, or .* --ckpt"):
        find_last(run / "best.safetensors")


def test_a_newer_checkpoint_that_cannot_be_read_is_named_and_kept(run: Path) -> None:
    (run / "last_point_0003.pt").write_bytes(b"cut off")
    last = find_last(run)
    assert last == run / "last_point_0002.pt"
    assert unreadable(run, last) == "last_point_0003.pt: cannot be read; going on from last_point_0002.pt"
    claim_folder(run, last)
    assert (run / "later-1" / "last_point_0003.pt").read_bytes() == b"cut off"


def test_going_back_moves_what_is_later_aside(run: Path) -> None:
    history = (run / "metrics.csv").read_bytes()
    last = run / "last_point_0001.pt"
    said = claim_folder(run, last)
    assert said is not None
    assert "going back to epoch 1" in said
    assert newest_last(run) == last
    assert not list(run.glob("*_000[23]*"))
    aside = run / "later-1"
    assert {"last_point_0002.pt", "last_point_0003.safetensors"} <= {path.name for path in aside.iterdir()}
    assert (aside / "metrics.csv").read_bytes() == history
    # Of a run that goes back, the checkpoints written next are the newest: none of them is pruned away for older ones.
    trainer = toy_trainer(run, 2, keep=1)
    trainer.restore(read_checkpoint(last), last)
    trainer.fit()
    assert newest_last(run) == run / "last_point_0002.pt"
    assert claim_folder(run, newest_last(run)) is None


def test_a_run_that_goes_on_elsewhere_takes_best_and_history_along(run: Path, tmp_path: Path) -> None:
    claim_folder(tmp_path / "b", run / "last.pt")
    assert (tmp_path / "b" / "best.pt").read_bytes() == (run / "best.pt").read_bytes()
    assert len(list(csv.DictReader((tmp_path / "b" / "metrics.csv").open()))) == 3
    assert has_best(tmp_path / "b", run / "last.pt")
    alone = tmp_path / "c" / "copy.pt"
    alone.parent.mkdir()
    shutil.copy(run / "last.pt", alone)
    assert not has_best(tmp_path / "b" / "other", alone)


@pytest.mark.skipif(sys.platform == "win32", reason="folders are not locked there")
def test_one_run_at_a_time(run: Path) -> None:
    with held(run):
        with pytest.raises(UserError, match="another process is training there"):
            claim_folder(run, None)
        with pytest.raises(UserError, match="another process is training there"):
            toy_trainer(run, 9).fit()
    assert claim_folder(run, None) is not None
