"""Which folder a run writes to, and how it is made its own without losing what lies there."""

from __future__ import annotations

from pathlib import Path

from uhd.detect.settings import Settings
from uhd.errors import UserError
from uhd.training.checkpoint import holds_run, newest_last


def find_last(resume: Path | None) -> Path | None:
    """Return the checkpoint to continue from: the file itself, or the newest good one of a run folder."""
    if resume is None:
        return None
    return newest_last(resume) if resume.is_dir() else resume


def run_folder(settings: Settings, last: Path | None) -> Path:
    """Return where the run is written: beside the checkpoint it continues, unless the user names a place.

    A checkpoint of somebody else never decides where files are written.
    """
    named = settings.typed & {"exp_name", "output"}
    if last is not None and not named and not settings.detect.val_only:
        return last.parent
    return settings.train.output / settings.train.exp_name


def check_folder(folder: Path, settings: Settings, last: Path | None) -> None:
    """Refuse to write over another run. Nothing is written.

    Raises:
        UserError: the folder holds a run, and neither ``--resume`` nor ``--overwrite`` was given, or it is a file;
            the picture of the anchors has no place.
    """
    for place in (folder, *folder.parents):
        if place.is_file():
            raise UserError(f"{place}: is a file; name a folder with --output and --exp-name")
    plot = settings.detect.auto_anchors_plot_path
    if plot is not None and (plot.is_dir() or any(place.is_file() for place in plot.parents)):
        raise UserError(f"{plot}: cannot be written there; name another file with --auto-anchors-plot-path")
    train = settings.train
    if settings.detect.val_only or not holds_run(folder) or _is_own(folder, last):
        return
    if not train.overwrite:
        raise UserError(f"{folder}: holds a run already; --resume {folder}, --overwrite, or another --exp-name")
    needed = train.ckpt if last is None else last
    if needed is not None and needed.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{folder}: --overwrite would move --ckpt {needed.name} away: give another --exp-name")


def claim_folder(folder: Path, last: Path | None) -> str | None:
    """Make the run folder, with nothing of another run in it.

    An earlier run (``--overwrite``, see :func:`check_folder`) is moved aside, never deleted.

    Returns:
        a line that says where the earlier run is now, or None.

    Raises:
        UserError: the folder cannot be made or moved.
    """
    said = None
    try:
        if holds_run(folder) and not _is_own(folder, last):
            aside = _free_name(folder)
            folder.rename(aside)
            said = f"{folder}: the run that was there is in {aside} now"
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be used as a run folder: {error.strerror or error}") from None
    return said


def _is_own(folder: Path, last: Path | None) -> bool:
    return last is not None and last.parent.resolve() == folder.resolve()


def _free_name(folder: Path) -> Path:
    number = 1
    while (place := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    return place
