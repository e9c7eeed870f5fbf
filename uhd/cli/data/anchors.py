"""``uhd data anchors``: box sizes that suit the people of a data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uhd.anchors import ALGORITHMS
from uhd.cli.data.place import SeedConfig, read_flags, split_seed
from uhd.cli.output import claim_figure
from uhd.config import knob
from uhd.config.groups import JsonText


@dataclass(frozen=True)
class AnchorsConfig(JsonText):
    """How many anchors are chosen, and how."""

    num_anchors: int = knob(8, "anchors to choose", minimum=1, maximum=64)
    algorithm: str = knob("kmeans", "how", choices=ALGORITHMS)
    bias: float = knob(0.2, "of stratified_large", minimum=0, exclusive_minimum=True)
    plot: Path | None = knob(None, "draw boxes and anchors into this picture")


def main(argv: Sequence[str]) -> int:
    """Choose; returns the exit code."""
    data, resolved = read_flags("anchors", "Box sizes that suit the people of a data set.", AnchorsConfig, argv)
    config = resolved[AnchorsConfig]
    if config.plot is not None:
        claim_figure(config.plot, data)

    import numpy as np

    from uhd.anchors import auto_anchors, best_possible_recall, wh_iou
    from uhd.data.open import open_data

    opened = open_data(data, split_seed(data, resolved[SeedConfig].seed))
    sizes = [record.boxes[:, 2:] - record.boxes[:, :2] for record in opened.train]
    stacked = np.concatenate(sizes)
    found = auto_anchors(stacked, config.num_anchors, config.algorithm, config.bias)
    overlap = float(wh_iou(stacked, found).max(1).mean())
    positive = stacked[(stacked > 0).all(1)]
    recall = best_possible_recall(positive, found)
    if config.json:
        print(
            json.dumps(
                {
                    "anchors": found.tolist(),
                    "boxes": len(stacked),
                    "mean_best_iou": overlap,
                    "best_possible_recall": recall,
                }
            )
        )
    else:
        print('--anchors "' + " ".join(f"{w:.6f},{h:.6f}" for w, h in found) + '"')
        reach = f"{recall:.2%} have an anchor within 4x of width and height"
        print(f"{len(stacked)} boxes; mean best IoU {overlap:.4f}; {reach}")
    if config.plot is not None:
        from uhd.evaluation.anchor_plot import plot_anchors

        written = plot_anchors(stacked, found, config.plot)
        if not config.json:
            print(f"wrote {written}")
    return 0
