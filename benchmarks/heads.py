"""The heads of UltraTinyOD beside each other, at about equal multiply-adds: the same images, views and epochs.

    python benchmarks/heads.py --data PEOPLE [--epochs 12] [--seeds 0 1 2] [--only NAME ...]

Heads without anchors have fewer branches, so their networks are one channel wider (``uhd info --head anchor_free
--cnn-width 17``). AP50 is that of the final averaged weights on ``val/``, with greedy suppression but for one_to_one,
which has none; finished runs are not repeated.
"""

from __future__ import annotations

from short_run import compare_changes

HEADS: dict[str, dict[str, object]] = {
    "anchor, width 16 (7.83 million multiply-adds)": {"cnn_width": 16},
    "anchor_free, width 17 (7.55)": {"cnn_width": 17, "head": "anchor_free"},
    "anchor_free, reg_max 8, width 17 (7.69)": {"cnn_width": 17, "head": "anchor_free", "reg_max": 8},
    "one_to_one, width 17 (7.55)": {"cnn_width": 17, "head": "one_to_one"},
}


if __name__ == "__main__":
    compare_changes(HEADS, __doc__, "runs/heads", (0, 1, 2))
