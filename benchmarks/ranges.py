"""How far a setting may lie from its default: the same short run with one value changed at a time.

    python benchmarks/ranges.py --data PEOPLE [--photographs 1500] [--epochs 6] [--width 16] [--minutes 60]

PEOPLE holds ``train/`` and ``val/``; every run sees epochs x photographs views of an even share of ``train/``. AP50 is
that of the final averaged weights on ``val/``. Every value is tried with seed 0, the first of every setting first; then
the defaults and the values that lie furthest from them are tried with seed 1. Finished runs are not repeated, and
after ``--minutes`` none begins; ``--minutes 0`` prints what is there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import torch
import yaml
from environment import environment
from short_run import folder_name, short_run

from uhd.augment.layout import RECIPE
from uhd.data.lists import list_of

ADAMW = {"optimizer": "adamw"}
# Knob -> its default, and value -> the fields that differ from the recipe, the most telling values first.
KNOBS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "`muon_lr`": ("0.03", {f"{value:g}": {"muon_lr": value} for value in (0.003, 0.1, 0.01)}),
    "`lr` beside Muon": ("0.006", {f"{value:g}": {"lr": value} for value in (0.0015, 0.03)}),
    "`lr` of AdamW": ("Muon", {f"{value:g}": ADAMW | {"lr": value} for value in (0.003, 0.012, 0.03, 0.001)}),
    "`object_share`": ("0.7", {f"{value:g}": {"object_share": value} for value in (0.3, 1.0)}),
    "`loss_weight_box`": ("2.5", {f"{value:g}": {"loss_weight_box": value} for value in (0.5, 10.0, 1.0)}),
    "share of mosaics": ("0.5", {f"{value:g}": {"aug_config": value} for value in (0.0, 1.0)}),
    "`batch_size`": ("16", {f"{value:g}": {"batch_size": value} for value in (32, 8)}),
}
Run = tuple[str, str, int]  # knob, value, seed; "" twice for the defaults
DEFAULTS = ("", "")


class Runs:
    """The short runs of one command line, and the AP50 of those that are finished."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Write the lists of the images that every run sees."""
        self.options = options
        self.found: dict[Run, float] = {}
        train = sorted((options.data / "train").glob("*.jpg"))
        step = max(1.0, len(train) / options.photographs)
        options.output.mkdir(parents=True, exist_ok=True)
        self.lists = options.output / "train.txt", options.output / "val.txt"
        chosen = [train[int(i * step)] for i in range(min(options.photographs, len(train)))]
        self.lists[0].write_text(list_of(chosen))
        self.lists[1].write_text(list_of(sorted((options.data / "val").glob("*.jpg"))))

    def measure(self, run: Run, may_begin: bool) -> None:
        """Train unless the run is finished, or only look for it."""
        options, (knob, value, seed) = self.options, run
        name = folder_name(f"{knob.strip('`')}_{value}" if knob else "defaults")
        folder = options.output / f"{name}_w{options.width}_n{options.photographs}_e{options.epochs}_s{seed}"
        if may_begin or (folder / "done").is_file():
            changes = dict(KNOBS[knob][1][value]) if knob else {}
            if "aug_config" in changes:
                changes["aug_config"] = self._mosaics(changes["aug_config"])
            changes |= {"image_dir": None, "train_list": self.lists[0], "val_list": self.lists[1]}
            self.found[run] = short_run(folder, options.data, options.width, options.epochs, seed, changes)
            print(f"{self.found[run]:.4f}  {knob} {value} seed {seed}", flush=True)

    def _mosaics(self, share: float) -> Path:
        content = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
        content["data_augment"]["Mosaic"]["prob"] = share
        path = Path(self.options.output / f"mosaics_{share:g}.yaml")
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    def order(self) -> Iterator[Run]:
        """Yield every run; the second seeds by how far the first ones lie from the defaults."""
        rounds = zip_longest(*([(knob, value, 0) for value in values] for knob, (_, values) in KNOBS.items()))
        extremes, *others = [[run for run in each if run is not None] for each in rounds]
        first = [*extremes, *(run for each in others for run in each)]
        yield (*DEFAULTS, 0)
        yield from extremes
        yield (*DEFAULTS, 1)
        yield from first[len(extremes) :]
        known = {run: score for run, score in self.found.items() if run in first}
        base = self.found.get((*DEFAULTS, 0), 0.0)
        for knob, value, _ in sorted(known, key=lambda run: -abs(known[run] - base)):
            yield knob, value, 1

    def table(self) -> str:
        """Return a row per value that was tried, the defaults among them, with AP50 by seed."""
        lines = ["| | value | AP50, seed 0 | seed 1 |", "|---|--:|--:|--:|"]
        for knob, (default, values) in KNOBS.items():
            for value in sorted({*values, default}, key=lambda text: float(text) if text != "Muon" else 1.0):
                at = DEFAULTS if value == default else (knob, value)
                shown = [f"{self.found[(*at, s)]:.3f}" if (*at, s) in self.found else "" for s in (0, 1)]
                if not any(shown):
                    continue
                bold = f"**{value}**" if value == default else value
                lines.append(f"| {knob} | {bold} | {shown[0]} | {shown[1]} |")
        return "\n".join(lines)


def main() -> None:
    """Run what is not finished, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photographs", type=int, default=1500)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--output", type=Path, default=Path("runs/ranges"))
    options = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    runs, end = Runs(options), time.monotonic() + 60 * options.minutes
    for run in runs.order():
        runs.measure(run, time.monotonic() < end)
    print(runs.table())


if __name__ == "__main__":
    main()
