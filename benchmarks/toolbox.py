"""The toolbox in one table: AP50 of every assigner, loss, optimiser, schedule, augmentation, suppression and ensemble.

    python benchmarks/toolbox.py --data PEOPLE [--width 16] [--epochs 20] [--seeds 0 1 2] [--only NAME ...]
    python benchmarks/toolbox.py --data PEOPLE --only suppression --models A.onnx B.onnx

Every trained row is the recipe of ``uhd train`` with one thing changed: same images, same number of views, same seeds;
AP50 is that of the final averaged weights on ``val/``, mean and half the spread over the seeds. Rows of suppression
train nothing: they measure the models that are given. Finished runs are not repeated; every result is also kept in
``OUTPUT/toolbox.json``, from which the table is made.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import torch
from environment import environment
from short_run import short_run

import uhd
from uhd.assigners.config import ASSIGNERS
from uhd.files import save_atomic
from uhd.losses.config import BOX_LOSSES, CLS_LOSSES
from uhd.nms import KINDS

Changes = dict[str, Any]
TRAINED: dict[str, dict[str, Changes]] = {
    "recipe": {"as it is": {}},
    "assigner": {name: {"anchor_assigner": name} for name in ASSIGNERS if name != "tal"},
    "box loss": {name: {"iou_loss": name} for name in BOX_LOSSES if name != "ciou"},
    "class loss": {name: {"anchor_cls_loss": name} for name in CLS_LOSSES if name != "bce"},
    "optimiser": {
        "adamw": {"optimizer": "adamw", "lr": 0.002},
        "sgd": {"optimizer": "sgd", "lr": 0.02},
    },
    "schedule": {name: {"lr_schedule": name} for name in ("step", "constant")},
    "average": {"swa": {"average": "swa"}, "none": {"use_ema": False}},
    "augmentation": {name: {"aug_config": Path(name)} for name in ("light", "medium", "heavy")},
    "sizes": {"multi-scale 0.25": {"multi_scale": 0.25}},
    "negatives": {"3 per positive": {"ohem_ratio": 3.0}},
}
SUPPRESSION = "suppression"


class Results:
    """Values by row and seed, on the disk after each.

    Args:
        path: of the JSON file; read where it is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.is_file() else {}

    def add(self, row: str, seed: str, value: float) -> None:
        """Note a value."""
        self.rows.setdefault(row, {})[seed] = value
        text = json.dumps(self.rows, indent=1)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        save_atomic(self.path, lambda place: place.write_text(text))

    def table(self) -> str:
        """Return all rows as Markdown: what, setting, mean and half the spread, number of seeds."""
        lines = ["| | setting | AP50 | seeds |", "| --- | --- | --- | --- |"]
        for row, values in self.rows.items():
            group, _, name = row.partition("/")
            found = list(values.values())
            spread = f" ± {(max(found) - min(found)) / 2:.4f}" if len(found) > 1 else ""
            lines.append(f"| {group} | {name} | {statistics.mean(found):.4f}{spread} | {len(found)} |")
        return "\n".join(lines)


def train_rows(arguments: argparse.Namespace, results: Results) -> None:
    """Train and measure what is not known yet, seed by seed, so that a table of few seeds is there early."""
    for seed in arguments.seeds:
        for group, rows in TRAINED.items():
            for name, changes in rows.items():
                row = f"{group}/{name}"
                if _wanted(row, arguments.only) and str(seed) not in results.rows.get(row, {}):
                    folder = arguments.output / f"{group}_{name}_{seed}".replace(" ", "_")
                    ap50 = short_run(folder, arguments.data, arguments.width, arguments.epochs, seed, changes)
                    results.add(row, str(seed), ap50)
                    print(f"{row}, seed {seed}: {ap50:.4f}", flush=True)


def suppression_rows(models: list[Path], data: Path) -> Iterator[tuple[str, float]]:
    """Yield AP50 of the first model by every kind of suppression, of its look in the mirror, and of all of them."""
    first = models[0]
    settings: list[tuple[str, list[Path], Mapping[str, Any]]] = [
        *((f"{first.stem}, {kind}", [first], {"nms_type": kind}) for kind in KINDS),
        (f"{first.stem}, mirror, fused", [first], {"tta": "mirror"}),
        (f"{first.stem}, mirror, all greedy", [first], {"tta": "mirror", "nms_type": "greedy"}),
    ]
    if len(models) > 1:
        names = " + ".join(each.stem for each in models)
        settings += [
            *((f"{each.stem}, greedy", [each], {}) for each in models[1:]),
            (f"{names}, fused", models, {}),
            (f"{names}, all greedy", models, {"nms_type": "greedy"}),
            (f"{names}, all soft-linear", models, {"nms_type": "soft-linear"}),
            (f"{names}, mirror, fused", models, {"tta": "mirror"}),
        ]
    for name, files, how in settings:
        yield name, uhd.load(files, **how).val(data, split="val").metrics["AP50"]


def _wanted(row: str, only: list[str]) -> bool:
    return not only or any(row.startswith(each) for each in only)


def main() -> None:
    """Fill in what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--only", nargs="+", default=[], help="rows or groups by their beginning, such as assigner/atss"
    )
    parser.add_argument("--models", type=Path, nargs="+", default=[], help="measured by every kind of suppression")
    parser.add_argument("--output", type=Path, default=Path("runs/toolbox"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(environment(1), flush=True)
    results = Results(arguments.output / "toolbox.json")
    if arguments.models and _wanted(SUPPRESSION, arguments.only):
        for name, ap50 in suppression_rows(arguments.models, arguments.data):
            results.add(f"{SUPPRESSION}/{name}", "0", ap50)
    train_rows(arguments, results)
    print(results.table())


if __name__ == "__main__":
    main()
