"""A matplotlib figure that needs no display; matplotlib is imported when the first one is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uhd.errors import UserError, install_hint
from uhd.files import save_atomic

BLUE, RED = "#2060c0", "#c04020"

_MARK = "drawn by uhd with Matplotlib"
# How each format holds the mark. Others are not known again, and never replaced.
_MARKED: dict[str, dict[str, Any]] = {
    "png": {"metadata": {"Software": _MARK}},
    **{kind: {"metadata": {"Creator": _MARK}} for kind in ("pdf", "svg", "eps", "ps")},
    **{kind: {"pil_kwargs": {"comment": _MARK.encode()}} for kind in ("jpg", "jpeg")},
    "webp": {"pil_kwargs": {"xmp": _MARK.encode()}},
}
# Inches around plots whose labels are known to fit: left and right of all, above and below, between two.
_LEFT, _RIGHT, _TOP, _BOTTOM, _BETWEEN = 0.7, 0.2, 0.4, 0.55, 0.8


def new_figure(width: float, height: float, rows: int = 1, columns: int = 2, fit: bool = True) -> tuple[Any, Any]:
    """Return a figure of so many inches and its axes.

    Args:
        width: of the figure.
        height: of the figure.
        rows: of axes.
        columns: of axes.
        fit: room is made for labels of any length, which takes as long as drawing does; False: for one row of
            plots whose labels are numbers and one line of words.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError(f"plots need matplotlib: {install_hint('train')}") from None
    if fit:
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns)
    figure = Figure(figsize=(width, height))
    plot = (width - _LEFT - _RIGHT - (columns - 1) * _BETWEEN) / columns
    edges = {"left": _LEFT / width, "right": 1 - _RIGHT / width, "top": 1 - _TOP / height, "bottom": _BOTTOM / height}
    return figure, figure.subplots(rows, columns, gridspec_kw={**edges, "wspace": _BETWEEN / plot})


def check_figure(path: Path) -> None:
    """Make sure that nothing but an earlier figure would be replaced.

    Raises:
        UserError: there is another picture.
    """
    if path.is_file() and path.stat().st_size and _MARK.encode() not in path.read_bytes():
        raise UserError(f"{path}: is a picture that uhd has not drawn; name another file to write")


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure, with a mark by which it is known again; the suffix of the path names the format.

    Raises:
        UserError: matplotlib has no such format.
    """
    kind = path.suffix[1:].lower() or "png"
    how = _MARKED.get(kind, {})
    try:
        save_atomic(path, lambda temporary: figure.savefig(temporary, dpi=120, format=kind, **how))
    except ValueError as error:
        raise UserError(f"{path}: not a format of pictures ({str(error).splitlines()[0]}); name a .png") from None
    return path
