"""Which folder a run of the detector writes to, and what must not be lost there."""

from __future__ import annotations

from pathlib import Path

from uhd.data.apart import check_apart
from uhd.detect.settings import Settings
from uhd.errors import UserError
from uhd.evaluation.figure import check_figure
from uhd.files import check_place
from uhd.training.folder import check_apart_from, check_free


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
            the picture of the anchors has no place, or the folder is one of the data set's own.
    """
    train, only = settings.train, settings.detect.val_only
    plot = settings.detect.auto_anchors_plot_path
    if plot is not None:
        check_apart(plot, settings.data)
        check_figure(plot)
    if plot is not None and (plot.is_dir() or any(place.is_file() for place in plot.parents)):
        raise UserError(f"{plot}: cannot be written there; name another file with --auto-anchors-plot-path")
    if train.tensorboard and train.log_dir is not None:
        check_place(train.log_dir, "--log-dir")
    check_apart_from(folder, settings.data)
    if check_free(folder, last, train.overwrite or only, "--output and --exp-name") or only:
        return
    needed = train.ckpt if last is None else last
    if needed is not None and needed.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{folder}: --overwrite would move --ckpt {needed.name} away: give another --exp-name")
