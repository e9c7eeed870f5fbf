"""Files are whole or not there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from uhd.errors import UserError
from uhd.files import save_atomic

posix = pytest.mark.skipif(os.name != "posix", reason="process numbers are asked on POSIX systems only")


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("new, and th")
        raise OSError("disk full")

    with pytest.raises(UserError, match=r"a\.txt: could not be saved: disk full"):
        save_atomic(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_a_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        temporary.touch(0o600)

    save_atomic(tmp_path / "a", write)
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@posix
def test_what_a_killed_writer_left_is_removed_later(tmp_path: Path) -> None:
    gone, alive = 2**22 + 1, os.getpid()  # no process has a number so high
    names = {n: tmp_path / n for n in (f".a.{gone}.tmp", f".a.{gone}-7.tmp", f".a.{alive}.tmp", f".b.{gone}.tmp")}
    for path in names.values():
        path.touch()
        os.utime(path, (time.time() - 7200,) * 2)
    fresh = tmp_path / f".a.{gone}-8.tmp"
    fresh.touch()
    save_atomic(tmp_path / "a", lambda temporary: temporary.write_text("x"))
    assert {p.name for p in tmp_path.iterdir()} == {"a", f".a.{alive}.tmp", f".b.{gone}.tmp", fresh.name}
