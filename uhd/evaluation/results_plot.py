"""A run in one picture: what the loss did, what the validation said."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from uhd.errors import UserError
from uhd.evaluation.figure import BLUE, new_figure, save_figure

# Columns of a run's metrics that are no part of the loss.
_NO_LOSS = ("lr", "positives", "_per_second", "_share", "_mb", "_seconds")
_SCORES = {"val/AP50": "AP50", "val/AP": "AP", "val/best_f1": "F1", "val/recall": "recall"}

Series = tuple[list[int], list[float]]  # epochs and the values at them


def plot_results(metrics_csv: Path, path: Path) -> Path:
    """Draw the parts of the loss, and the scores on the validation images, over the epochs.

    Args:
        metrics_csv: ``metrics.csv`` of a run: a column ``epoch``, columns ``train/...`` and ``val/...``; cells may be
            empty, as where an epoch was not evaluated.
        path: picture to write; its suffix names the format.

    Raises:
        UserError: the file is missing or holds no epoch, or matplotlib is not installed.
    """
    columns = read_metrics(metrics_csv)
    figure, (left, middle, right) = new_figure(14, 4.2, columns=3, fit=False)
    parts = {
        name.removeprefix("train/"): series
        for name, series in columns.items()
        if name.startswith("train/") and not name.removeprefix("train/").endswith(_NO_LOSS)
    }
    total = parts.pop("loss", None)
    if total is not None:
        left.plot(*total, color=BLUE, marker=_marker(total))
        low = [value for value in total[1] if value > 0]
        if low and max(low) > 20 * min(low):
            left.set_yscale("log")
    left.set(xlabel="epoch", ylabel="loss", title="Loss in training")
    for name, series in parts.items():
        middle.plot(*series, label=name, marker=_marker(series))
    middle.set(xlabel="epoch", ylabel="mean over the epoch", title="Parts of the loss")
    if parts:
        middle.legend(fontsize=8)
    top = 0.0
    for name, label in _SCORES.items():
        if name in columns:
            right.plot(*columns[name], label=label, marker=_marker(columns[name]), alpha=1 if "AP" in name else 0.4)
            top = max(top, *columns[name][1])
    best = columns.get("val/AP50")
    title = "Validation"
    if best is not None:
        at = max(range(len(best[1])), key=best[1].__getitem__)
        title = f"Validation: best AP50 {best[1][at]:.4f} in epoch {best[0][at]}"
    right.set(xlabel="epoch", ylabel="score", title=title, ylim=(0, min(1.02, 1.1 * top) or 1))
    if top:
        right.legend(fontsize=8)
    for axes in (left, middle, right):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    return save_figure(figure, path)


def read_metrics(path: Path) -> dict[str, Series]:
    """Return the columns of a run's ``metrics.csv`` with the epochs that have a finite value in them.

    Raises:
        UserError: the file is missing, or holds no epoch.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give the metrics.csv of a run") from None
    columns: dict[str, Series] = {}
    for row in rows:
        epoch = _number(row.get("epoch"))
        if epoch is None:
            continue
        for name, text in row.items():
            value = _number(text)
            if name != "epoch" and value is not None:
                epochs, values = columns.setdefault(name, ([], []))
                epochs.append(int(epoch))
                values.append(value)
    if not columns:
        raise UserError(f"{path}: holds no epoch of a run")
    return columns


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _marker(series: Series) -> str:
    return "o" if len(series[0]) == 1 else ""
