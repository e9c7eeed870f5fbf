"""The table of combinations: each trained for equally many steps on the drawn world, measured, and timed; row by row.

    python benchmarks/refer_combinations.py world/ --folder runs/combinations

A row that is there already is not made again, so that the command can be stopped and repeated. ``--rows`` takes names:
a transformer (with ``tiny`` and ``learned``) or a combination. ``world/`` is made by ``uhd refer data world/``.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from uhd.files import save_text
from uhd.refer.combinations import COMBINATIONS, EXPERIMENTS, SCALES
from uhd.refer.model.config import ReferModelConfig

SIZE = (96, 96)
NAMES = (*SCALES, "ultra_light", "balanced_light", "tite_ultra_light")


def config_of(name: str) -> ReferModelConfig:
    """Return what a row trains: a transformer at the default width, or a combination."""
    if name in SCALES:
        return replace(ReferModelConfig(), transformer_type=name)
    return next(each.config() for each in (*COMBINATIONS, *EXPERIMENTS) if each.name == name)


def step_words(world: Path, folder: Path, name: str, epochs: int) -> list[str]:
    """Return the command that trains a row."""
    config = config_of(name)
    words = [sys.executable, "-m", "uhd", "refer", "train", str(world), "--output", str(folder), "--exp-name", name]
    words += ["--epochs", str(epochs), "--no-tensorboard", "--batch-size", "32"]
    for key, value in vars(config).items():
        words += ["--" + key.replace("_", "-"), str(value)]
    last = folder / name / "last.pt"
    return [*words, "--resume", str(last)] if last.exists() else words


def time_look(name: str) -> tuple[int, float, float]:
    """Return parameters, median milliseconds of one look at one picture, and megabytes at the most, in one thread."""
    import torch

    from uhd.refer.model.network import ReferNetwork
    from uhd.refer.model.vocabulary import Vocabulary

    torch.set_num_threads(1)
    network = ReferNetwork(config_of(name), Vocabulary(())).eval()
    picture, spent = torch.rand(1, 3, *SIZE), []
    with torch.no_grad():
        for _ in range(22):
            start = time.perf_counter()
            network.look(picture)
            spent.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return sum(p.numel() for p in network.parameters()), statistics.median(spent[2:]) * 1000, peak


def make_row(world: Path, folder: Path, name: str, epochs: int) -> dict[str, object]:
    """Train, measure and time one row."""
    start = time.perf_counter()
    subprocess.run(step_words(world, folder, name, epochs), check=True)
    minutes = (time.perf_counter() - start) / 60
    figures = folder / f"{name}.val.json"
    measure = [sys.executable, "-m", "uhd", "refer", "val", str(world), "--model", str(folder / name)]
    subprocess.run([*measure, "--json", str(figures)], check=True)
    alone = [sys.executable, __file__, str(world), "--folder", str(folder), "--time", name]
    timed = json.loads(subprocess.run(alone, check=True, capture_output=True, text=True).stdout)
    return {"name": name, "epochs": epochs, "minutes": round(minutes, 1), **timed, **json.loads(figures.read_text())}


def main() -> None:
    """Make what is missing; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("runs/combinations"))
    parser.add_argument("--epochs", type=int, default=2, help="the same number of steps for every row")
    parser.add_argument("--rows", nargs="*", default=NAMES)
    parser.add_argument("--time", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.time:
        count, milliseconds, megabytes = time_look(given.time)
        print(json.dumps({"parameters": count, "ms": round(milliseconds, 2), "MB": round(megabytes)}))
        return
    for name in given.rows:
        place = given.folder / f"{name}.row.json"
        if not place.exists():
            row = make_row(given.world, given.folder, name, given.epochs)
            save_text(place, json.dumps(row))
        row = json.loads(place.read_text())
        groups, chance = row["groups"], row["chance"]
        print(f"{name:<26}{row['parameters']:>13,} parameters  {row['ms']:>7} ms  {row['MB']:>5} MB  chance {chance}")
        print(f"  text {groups.get('text')}")


if __name__ == "__main__":
    main()
