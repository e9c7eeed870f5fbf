"""A data set in one picture: sizes, shapes, places and counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from uhd.data.dataset import Dataset
from uhd.evaluation.figure import BLUE, RED, new_figure, save_figure

_GRID = 32


def plot_statistics(datasets: Mapping[str, Dataset], names: tuple[str, ...], size: tuple[int, int], path: Path) -> Path:
    """Draw six views of the boxes of all parts.

    Args:
        datasets: by part.
        names: of the classes.
        size: network size (h, w), in whose pixels heights and widths are drawn.
        path: picture to write; its suffix names the format.

    Raises:
        UserError: matplotlib is not installed, or has no such format.
    """
    records = [record for dataset in datasets.values() for record in dataset.records]
    boxes = np.concatenate([record.boxes for record in records] or [np.zeros((0, 4), np.float32)])
    labels = np.concatenate([record.labels for record in records] or [np.zeros(0, np.int64)])
    sides = (boxes[:, 2:] - boxes[:, :2]) * (size[1], size[0])
    counts = np.array([len(record.boxes) for record in records])
    figure, axes = new_figure(15, 9, 2, 3)
    heights, shapes, crowd, places, kinds, parts = axes.reshape(-1)
    heights.hist(sides[:, 1], bins=32, range=(0, size[0]), color=BLUE)
    heights.axvline(8, color=RED, linewidth=1, linestyle="--")
    heights.set(
        title="height at network size", xlabel="pixels; left of the line hardly anything is learnt", ylabel="boxes"
    )
    shapes.scatter(sides[:, 0], sides[:, 1], s=4, alpha=0.3, linewidths=0, color=BLUE)
    shapes.set(
        title="width and height at network size", xlabel="pixels", ylabel="pixels", xlim=(0, size[1]), ylim=(0, size[0])
    )
    crowd.hist(counts, bins=np.arange(counts.max(initial=0) + 2) - 0.5, color=BLUE)
    crowd.set(title="boxes per image", xlabel="boxes", ylabel="images", yscale="log")
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    table, _, _ = np.histogram2d(y, x, bins=_GRID, range=((0, 1), (0, 1)))
    places.imshow(table, extent=(0, 1, 1, 0), cmap="magma")
    places.set(title="where their centres are")
    kinds.barh(list(names), np.bincount(labels, minlength=len(names))[: len(names)], color=BLUE)
    kinds.set(title="boxes per class")
    full = [sum(len(record.boxes) > 0 for record in dataset.records) for dataset in datasets.values()]
    empty = [len(dataset) - count for dataset, count in zip(datasets.values(), full, strict=True)]
    parts.bar(list(datasets), full, color=BLUE, label="with objects")
    parts.bar(list(datasets), empty, bottom=full, color=RED, label="without")
    parts.set(title="images")
    parts.legend()
    return save_figure(figure, path)
