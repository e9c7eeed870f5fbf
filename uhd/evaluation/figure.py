"""A matplotlib figure that needs no display; matplotlib is imported when the first one is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uhd.errors import UserError, install_hint

BLUE, RED = "#2060c0", "#c04020"


def new_figure(width: float, height: float, rows: int = 1, columns: int = 2) -> tuple[Any, Any]:
    """Return a figure of so many inches and its axes.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError(f"plots need matplotlib: {install_hint('train')}") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns)


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure; the suffix of the path names the format.

    Raises:
        UserError: matplotlib has no such format.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        figure.savefig(path, dpi=120)
    except ValueError as error:
        raise UserError(f"{path}: not a format of pictures ({str(error).splitlines()[0]}); name a .png") from None
    return path
