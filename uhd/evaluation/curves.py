"""Plots of a report."""

from __future__ import annotations

from pathlib import Path

from uhd.errors import UserError, install_hint
from uhd.evaluation.report import Report


def plot_curves(report: Report, folder: Path) -> Path:
    """Write ``curves.png``: precision over recall, and precision, recall and F1 over the threshold.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError(f"plots need matplotlib: {install_hint('train')}") from None
    folder.mkdir(parents=True, exist_ok=True)
    curve = report.curve
    threshold, f1, precision, recall = curve.best()
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(curve.recall, curve.precision, color="#2060c0")
    left.plot([recall], [precision], "o", color="#c04020", label=f"best F1 {f1:.3f}")
    left.set(
        xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=f"AP50 {report.metrics['AP50']:.4f}"
    )
    left.legend()
    right.plot(curve.scores, curve.precision, label="precision")
    right.plot(curve.scores, curve.recall, label="recall")
    right.plot(curve.scores, curve.f1, label="F1")
    right.axvline(threshold, color="#c04020", linewidth=1, linestyle="--", label=f"threshold {threshold:.3f}")
    right.set(xlabel="score threshold", xlim=(0, 1), ylim=(0, 1.02))
    right.legend()
    path = folder / "curves.png"
    figure.savefig(path, dpi=120)
    return path
