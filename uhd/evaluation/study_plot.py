"""The history of a search, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from uhd.evaluation.figure import BLUE, RED, new_figure, save_figure


def plot_study(values: Sequence[tuple[int, float]], shares: Mapping[str, float], metric: str, path: Path) -> Path:
    """Draw the value of every finished trial, the best so far, and the share of each setting in the differences.

    Args:
        values: number and value of the trials, larger is better.
        shares: setting -> 0 to 1.
        metric: what the value is.
        path: picture to write; its suffix names the format.

    Raises:
        UserError: matplotlib is not installed, or has no such format.
    """
    figure, (left, right) = new_figure(12, 4.5)
    best = [max(value for number, value in values if number <= at) for at, _ in values]
    left.scatter([number for number, _ in values], [value for _, value in values], s=16, color=BLUE, label="trial")
    left.step([number for number, _ in values], best, where="post", color=RED, label="best so far")
    left.set(xlabel="trial", ylabel=metric, title="history")
    left.legend()
    names = sorted(shares, key=shares.__getitem__)
    right.barh(names, [shares[name] for name in names], color=BLUE)
    right.set(xlim=(0, 1), title="what mattered" if shares else "what mattered: too few trials to tell")
    return save_figure(figure, path)
