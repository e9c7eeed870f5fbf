"""What each change of the recipe brings: train the same network with one thing taken back at a time.

    python benchmarks/recipe.py --data PEOPLE [--width 16] [--epochs 20] [--seeds 0 1 2] [--only NAME ...]

PEOPLE holds ``train/`` and ``val/``. Every run sees epochs x images views; AP50 is that of the final averaged weights
on ``val/``. Runs go to ``--output`` and finished ones are not repeated.
"""

from __future__ import annotations

from pathlib import Path

from short_run import compare_changes

CHANGES: dict[str, dict[str, object]] = {
    "the recipe": {},
    "AdamW at 0.012 instead of Muon": {"optimizer": "adamw", "lr": 0.012},
    "images as in the data (54 % with people) instead of 70 %": {"object_share": None},
    "batch 32 instead of 16": {"batch_size": 32},
    "25 % mosaics instead of 50 %": {"aug_config": Path(__file__).parent / "mosaic25.yaml"},
    "no averaging of weights": {"use_ema": False},
    "ATSS, GIoU, nearly whole photographs (--preset whole)": {
        "anchor_assigner": "atss",
        "iou_loss": "giou",
        "aug_config": Path("whole"),
    },
    "the original's objective, legacy assigner": {
        "objective": "original",
        "anchor_assigner": "legacy",
        "loss_weight_box": 1.0,
        "loss_weight_obj": 1.0,
        "loss_weight_cls": 1.0,
    },
}


if __name__ == "__main__":
    compare_changes(CHANGES, __doc__, "runs/recipe", (0,))
