"""Plots of a report."""

from __future__ import annotations

from pathlib import Path

from uhd.evaluation.figure import BLUE, RED, new_figure, save_figure
from uhd.evaluation.report import Report

CURVES = "curves.png"


def plot_curves(report: Report, folder: Path) -> Path:
    """Write ``curves.png``: precision over recall, and precision, recall and F1 over the minimum score.

    Raises:
        UserError: matplotlib is not installed.
    """
    curve = report.curve
    threshold, f1, precision, recall = curve.best()
    figure, (left, right) = new_figure(10, 4.2, fit=False)
    left.plot(curve.recall, curve.precision, color=BLUE)
    left.plot([recall], [precision], "o", color=RED, label=f"best F1 {f1:.3f}")
    left.set(
        xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02),
        title=f"Precision over recall at IoU 0.5: AP50 {report.metrics['AP50']:.4f}",
    )  # fmt: skip
    left.legend()
    right.plot(curve.scores, curve.precision, label="precision")
    right.plot(curve.scores, curve.recall, label="recall")
    right.plot(curve.scores, curve.f1, label="F1")
    right.axvline(threshold, color=RED, linewidth=1, linestyle="--", label=f"threshold {threshold:.3g}")
    # The scores of a young model end long before 1.
    highest = float(curve.scores.max()) if len(curve.scores) else 1.0
    right.set(
        xlabel="minimum score", xlim=(0, min(1.0, 1.05 * max(highest, 1e-3))), ylim=(0, 1.02),
        title=f"Best at a minimum score of {threshold:.3g}",
    )  # fmt: skip
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    return save_figure(figure, folder / CURVES)
