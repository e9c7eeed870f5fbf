"""The folder of a run: what it continues from, and how the folder is made its own without losing what lies there."""

from __future__ import annotations

from pathlib import Path

from uhd.errors import UserError
from uhd.training.checkpoint import holds_run, newest_last


def find_last(resume: Path | None) -> Path | None:
    """Return the checkpoint to continue from: the file itself, or the newest good one of a run folder."""
    if resume is None:
        return None
    return newest_last(resume) if resume.is_dir() else resume


def check_free(folder: Path, last: Path | None, overwrite: bool, elsewhere: str) -> bool:
    """Return whether the folder holds no other run. Nothing is written.

    Args:
        folder: of the run.
        last: checkpoint that it continues, or None.
        overwrite: an earlier run may be moved aside.
        elsewhere: flag that names another folder, for the error.

    Raises:
        UserError: the folder holds another run that may not be moved, or a file is in its place.
    """
    for place in (folder, *folder.parents):
        if place.is_file():
            raise UserError(f"{place}: is a file; name a folder with {elsewhere}")
    if not holds_run(folder) or is_own(folder, last):
        return True
    if not overwrite:
        name = elsewhere.split()[-1]
        raise UserError(f"{folder}: holds a run already; --resume {folder}, --overwrite, or another {name}")
    return False


def claim_folder(folder: Path, last: Path | None) -> str | None:
    """Make the run folder, with nothing of another run in it.

    An earlier run (``--overwrite``, see :func:`check_free`) is moved aside, never deleted.

    Returns:
        a line that says where the earlier run is now, or None.

    Raises:
        UserError: the folder cannot be made or moved.
    """
    said = None
    try:
        if holds_run(folder) and not is_own(folder, last):
            aside = _free_name(folder)
            folder.rename(aside)
            said = f"{folder}: the run that was there is in {aside} now"
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be used as a run folder: {error.strerror or error}") from None
    return said


def is_own(folder: Path, last: Path | None) -> bool:
    """Whether the folder is that of the checkpoint that is continued."""
    return last is not None and last.parent.resolve() == folder.resolve()


def _free_name(folder: Path) -> Path:
    number = 1
    while (place := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    return place
