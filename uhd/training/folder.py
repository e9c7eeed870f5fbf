"""The folder of a run: what it continues from, and how the folder is made its own without losing what lies there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.errors import UserError
from uhd.files import check_place, free_name, real_path, save_atomic
from uhd.models.weights import read_checkpoint
from uhd.read import is_image_name
from uhd.training.checkpoint import HISTORY, epoch_of, holds_run, later_files, name_again, newest_best, newest_last

if TYPE_CHECKING:
    from uhd.data.config import DataConfig

if sys.platform != "win32":
    import fcntl


def find_last(resume: Path | None) -> Path | None:
    """Return the checkpoint to continue from: the file itself, or the newest good one of a run folder.

    Raises:
        UserError: the folder holds none, or the file holds weights alone.
    """
    if resume is None or not resume.is_dir():
        if resume is not None and resume.suffix.lower() == ".safetensors":
            beside = resume.with_suffix(".pt")
            whole = f"--resume {beside}" if beside.is_file() else "--resume its run folder"
            raise UserError(f"{resume}: holds weights alone: {whole}, or start a new run with --ckpt {resume}")
        return resume
    return newest_last(resume)


def unreadable(resume: Path | None, last: Path | None) -> str:
    """Return a line that names newer checkpoints of a run folder that cannot be read; "" where there are none."""
    if resume is None or last is None or not resume.is_dir():
        return ""
    newer = [path.name for path in resume.glob("last_*.pt") if epoch_of(path) > epoch_of(last) >= 0]
    return f"{', '.join(sorted(newer))}: cannot be read; going on from {last.name}" if newer else ""


def check_free(folder: Path, last: Path | None, overwrite: bool, elsewhere: str) -> bool:
    """Return whether the folder holds no other run. Nothing is written.

    Args:
        folder: of the run.
        last: checkpoint that it continues, or None.
        overwrite: an earlier run may be moved aside.
        elsewhere: flag that names another folder, for the error.

    Raises:
        UserError: the folder holds another run that may not be moved, a file is in its place, or nothing can be
            written there.
    """
    check_place(folder, elsewhere)
    if not holds_run(folder) or is_own(folder, last):
        return True
    if not overwrite:
        name = elsewhere.split()[-1]
        raise UserError(f"{folder}: holds a run already; --resume {folder}, --overwrite, or another {name}")
    return False


def check_apart_from(folder: Path, data: DataConfig) -> None:
    """Refuse the folder of a new run that is one of the data set's own; ``runs/`` below them is common, and may be.

    Raises:
        UserError: it is the folder that is named, or holds images of it.
    """
    from uhd.data.apart import data_folders

    if holds_run(folder):
        return  # whether it may be used is not decided by where it is
    place = real_path(folder)
    for own in data_folders(data):
        below = place.is_dir() and place.is_relative_to(real_path(own))
        if place == real_path(own) or (below and any(is_image_name(path.name) for path in place.iterdir())):
            raise UserError(f"{folder}: belongs to the data set {own}, which is never written to: name another folder")


def claim_folder(folder: Path, last: Path | None) -> str | None:
    """Make the run folder, with nothing of another run in it.

    An earlier run (``--overwrite``, see :func:`check_free`) is moved aside, never deleted; so are later checkpoints of
    the run itself, when it goes back. A run that is continued in another folder takes its best and its history along.

    Returns:
        a line that says where what was moved is now, or None.

    Raises:
        UserError: the folder cannot be made or moved, or another process trains in it.
    """
    said = None
    try:
        if folder.is_dir():
            with held(folder):
                if is_own(folder, last):
                    return _go_back(folder, last)
                if holds_run(folder):
                    aside = free_name(folder, ".old-")
                    folder.rename(aside)
                    said = f"{folder}: the run that was there is in {aside} now"
        folder.mkdir(parents=True, exist_ok=True)
        if last is not None:
            _take_along(last, folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be used as a run folder: {error.strerror or error}") from None
    return said


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run folder against other processes, where the system and its file system can.

    Raises:
        UserError: another process holds it.
    """
    handle = os.open(folder, os.O_RDONLY) if sys.platform != "win32" else None
    try:
        if sys.platform != "win32" and handle is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{folder}: another process is training there: give another --exp-name") from None
            except OSError:
                pass  # some file systems of networks lock no folders
        yield
    finally:
        if handle is not None:
            os.close(handle)


def has_best(folder: Path, last: Path) -> bool:
    """Whether the best checkpoint of a run that continues from ``last`` is, or will be, in a folder."""
    return newest_best(folder, sys.maxsize) is not None or newest_best(last.parent, _epochs_of(last)) is not None


def _go_back(folder: Path, last: Path | None) -> str | None:
    """Move what is later than the checkpoint that a run goes back to into a folder of its own."""
    assert last is not None
    epoch = _epochs_of(last)
    later = later_files(folder, epoch)
    if not later:
        return None
    aside = free_name(folder / "later", "-")
    aside.mkdir()
    for path in later:
        path.rename(aside / path.name)
    if (folder / HISTORY).is_file():
        shutil.copy2(folder / HISTORY, aside / HISTORY)
    return f"{folder}: going back to epoch {epoch}; the checkpoints after it are in {aside} now"


def _take_along(last: Path, folder: Path) -> None:
    """Copy the best checkpoint so far, and the history, of a run into the folder where it goes on."""
    best = newest_best(last.parent, _epochs_of(last))
    for suffix in (".pt", ".safetensors") if best is not None else ():
        assert best is not None
        source, target = best.with_suffix(suffix), (folder / best.name).with_suffix(suffix)
        if source.is_file():
            _copy(source, target)
            name_again(target, folder / f"best{suffix}")
    if (last.parent / HISTORY).is_file():
        _copy(last.parent / HISTORY, folder / HISTORY)


def _copy(source: Path, target: Path) -> None:
    save_atomic(target, lambda temporary: shutil.copyfile(source, temporary))


def _epochs_of(last: Path) -> int:
    """Return the finished epochs of a checkpoint, whatever its name."""
    return epoch_of(last) if epoch_of(last) >= 0 else int(read_checkpoint(last).get("epoch") or 0)


def is_own(folder: Path, last: Path | None) -> bool:
    """Whether the folder is that of the checkpoint that is continued."""
    return last is not None and last.parent.resolve() == folder.resolve()
