"""What the anchor assigners and class losses bring: the same network, images and steps with each of them.

    python benchmarks/losses.py --data PEOPLE [--width 16] [--epochs 20] [--seeds 0 1 2] [--only NAME ...]

Everything but the objective is the recipe of ``uhd train``. The original's objective is used with the weights of its
own later recipe (objectness and quality 16, box and class 1). AP50 is that of the final averaged weights on ``val/``;
finished runs are not repeated.
"""

from __future__ import annotations

from short_run import compare_changes

_ORIGINAL: dict[str, object] = {
    "objective": "original",
    "iou_loss": "giou",
    "loss_weight_box": 1.0,
    "loss_weight_obj": 16.0,
    "loss_weight_quality": 16.0,
    "loss_weight_cls": 1.0,
}
OBJECTIVES: dict[str, dict[str, object]] = {
    "original, legacy, bce": {**_ORIGINAL, "anchor_assigner": "legacy"},
    "original, simota-legacy, bce": {**_ORIGINAL, "anchor_assigner": "simota-legacy"},
    "original, simota, bce": {**_ORIGINAL, "anchor_assigner": "simota"},
    "original, legacy, vfl-legacy": {**_ORIGINAL, "anchor_assigner": "legacy", "anchor_cls_loss": "vfl-legacy"},
    "original, legacy, vfl": {**_ORIGINAL, "anchor_assigner": "legacy", "anchor_cls_loss": "vfl"},
    "original, simota, vfl": {**_ORIGINAL, "anchor_assigner": "simota", "anchor_cls_loss": "vfl"},
    "aligned, tal, bce (the recipe)": {},
}


if __name__ == "__main__":
    compare_changes(OBJECTIVES, __doc__, "runs/losses", (0, 1, 2))
