"""A picture of how anchors fit the boxes of a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.anchors import wh_iou
from uhd.evaluation.figure import BLUE, RED, new_figure, save_figure

_MOST = 20_000  # dots; more only take time


def plot_anchors(sizes: NDArray[np.float32], anchors: NDArray[np.float32], path: Path) -> Path:
    """Draw widths over heights of boxes, coloured by the anchor that fits best, and how well the best one fits.

    Args:
        sizes: (n, 2) width and height of the boxes, normalised to the image; those that are not positive are left out.
        anchors: (k, 2), likewise.
        path: picture to write; its suffix names the format.

    Raises:
        UserError: matplotlib is not installed, or has no such format.
    """
    sizes = sizes[(sizes > 0).all(1)]
    if len(sizes) > _MOST:
        sizes = sizes[np.random.default_rng(0).permutation(len(sizes))[:_MOST]]
    overlap = wh_iou(sizes, anchors)
    owner, best = overlap.argmax(1), overlap.max(1) if len(sizes) else np.zeros(0, np.float32)
    figure, (left, right) = new_figure(11, 5)
    # Few dots are large and opaque, many are small and let each other show.
    area = float(np.clip(8000 / max(1, len(sizes)), 3, 40))
    alpha = float(np.clip(2000 / max(1, len(sizes)), 0.4, 0.9))
    left.scatter(sizes[:, 0], sizes[:, 1], c=owner, cmap="tab20", vmin=0, vmax=20, s=area, linewidths=0, alpha=alpha)
    for i, (width, height) in enumerate(anchors.tolist()):
        left.plot([width], [height], "k+", markersize=11, markeredgewidth=2)
        share = float((owner == i).mean()) if len(sizes) else 0.0
        left.annotate(f"{share:.0%}", (width, height), textcoords="offset points", xytext=(5, 5), fontsize=8)
    left.set(xlabel="width, in image widths", ylabel="height, in image heights", xlim=(0, 1), ylim=(0, 1),
             title=f"{len(anchors)} anchors, and the share of the boxes that each fits best")  # fmt: skip
    right.hist(best, bins=50, range=(0, 1), color=BLUE)
    mean = float(best.mean()) if len(best) else 0.0
    right.axvline(mean, color=RED, linewidth=1, linestyle="--", label=f"mean {mean:.4f}")
    right.set(xlabel="IoU of a box with its best anchor, on a common centre", ylabel="boxes", xlim=(0, 1),
              title="How well the best anchor fits")  # fmt: skip
    right.legend()
    return save_figure(figure, path)
