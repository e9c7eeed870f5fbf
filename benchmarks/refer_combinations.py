"""The table of combinations: each trained for equally many steps on the drawn world, measured, and timed; row by row.

    uhd refer data world/ --count 6000 --size 96
    python benchmarks/refer_combinations.py world/ --folder runs/combinations --epochs 4
    python benchmarks/refer_combinations.py world/ --rows ultra_light --label adamw -- --optimizer adamw --lr 0.0005
    python benchmarks/refer_combinations.py --start --folder runs/starts

A row that is there already is not made again, so that the command can be stopped and repeated. ``--rows`` takes names:
a transformer (with ``tiny`` and ``learned``) or a combination. Flags behind ``--`` go to ``uhd refer train``;
``--label`` names such rows. ``--start`` trains nothing: it builds every combination at its published size, takes one
step with each of ``--batches`` in a process of its own, and says seconds and memory. Times but for whole trainings are
of the processor, in one thread, so that a busy machine does not matter much.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from uhd.files import save_text
from uhd.refer.combinations import COMBINATIONS, EXPERIMENTS, SCALES
from uhd.refer.model.config import ReferModelConfig

SIZE, WORDS = (96, 96), tuple(str(i) for i in range(200))
TRAINED = (*SCALES, "ultra_light", "balanced_light", "tite_ultra_light")
STARTED = tuple(each.name for each in (*COMBINATIONS, *EXPERIMENTS))
CONTROLS = ("text", "shuffled text", "box")


def config_of(name: str) -> ReferModelConfig:
    """Return what a row trains: a transformer at the default width, or a combination."""
    if name in SCALES:
        return replace(ReferModelConfig(), transformer_type=name)
    return next(each.config() for each in (*COMBINATIONS, *EXPERIMENTS) if each.name == name)


def row_name(given: argparse.Namespace, name: str) -> str:
    """Return what a row is called: its name, and the label of its flags."""
    return f"{name} {given.label}" if given.label else name


def step_words(given: argparse.Namespace, name: str) -> list[str]:
    """Return the command that trains a row."""
    run = row_name(given, name)
    words = [sys.executable, "-m", "uhd", "refer", "train", str(given.world), "--output", str(given.folder)]
    words += ["--exp-name", run, "--epochs", str(given.epochs), "--batch-size", str(given.batch_size)]
    words += ["--no-tensorboard", "--seed", str(given.seed), "--eval-interval", str(given.epochs), "--keep", "1"]
    words += ["--threads", "1", "--val-count", str(given.val_count)]
    for key, value in vars(config_of(name)).items():
        words += ["--" + key.replace("_", "-"), str(value)]
    words += given.flags
    last = given.folder / run / "last.pt"
    return [*words, "--resume", str(last)] if last.exists() else words


def network_of(name: str) -> Any:
    """Return the network of a row with random weights."""
    import torch

    from uhd.refer.model.network import ReferNetwork
    from uhd.refer.model.vocabulary import Vocabulary

    torch.set_num_threads(1)
    torch.manual_seed(0)
    return ReferNetwork(config_of(name), Vocabulary(WORDS))


def peak() -> int:
    """Return the most megabytes that this process has held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def time_answer(name: str) -> dict[str, float]:
    """Return parameters, median milliseconds of one look and of reading one text, and megabytes."""
    import torch

    network = network_of(name).eval()
    picture, words, spent = torch.rand(1, 3, *SIZE), torch.randint(1, len(WORDS), (1, 1, 8)), []
    with torch.no_grad():
        for _ in range(22):
            start = time.process_time()
            network.look(picture)
            middle = time.process_time()
            network.read(words)
            spent.append((middle - start, time.process_time() - middle))
    look, read = (statistics.median(each[i] for each in spent[2:]) * 1000 for i in (0, 1))
    count = sum(p.numel() for p in network.parameters())
    return {"parameters": count, "ms": round(look, 1), "text ms": round(read, 2), "MB": peak()}


def time_step(name: str, batch: int) -> dict[str, float]:
    """Return parameters, processor seconds of the second of two steps with six texts a picture, and megabytes."""
    import torch

    network = network_of(name).train()
    rule = torch.optim.AdamW(network.parameters(), 1e-4)
    pictures, words = torch.rand(batch, 3, *SIZE), torch.randint(1, len(WORDS), (batch, 6, 8))
    for _ in range(2):
        start = time.process_time()
        scene, scores = network(pictures, words)
        loss = scores.square().mean() + scene.last.boxes.mean() / 96 + scene.heat.square().mean()
        rule.zero_grad()
        loss.backward()
        rule.step()
        spent = time.process_time() - start
    if not torch.isfinite(loss):
        raise RuntimeError(f"{name}: the loss of the second step is {loss}")
    return {"parameters": sum(p.numel() for p in network.parameters()), "seconds": round(spent, 2), "MB": peak()}


def alone(given: argparse.Namespace, *words: str) -> dict[str, Any]:
    """Return what this file says in a process of its own, whose memory is its own."""
    command = [sys.executable, __file__, "--folder", str(given.folder), *words]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def train_row(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Train, measure and time one row."""
    start = time.perf_counter()
    subprocess.run(step_words(given, name), check=True)
    minutes = (time.perf_counter() - start) / 60
    run = row_name(given, name)
    figures = given.folder / f"{run}.val.json"
    measure = [sys.executable, "-m", "uhd", "refer", "val", str(given.world), "--model", str(given.folder / run)]
    subprocess.run([*measure, "--val-count", str(given.val_count), "--json", str(figures)], check=True)
    row = {"name": run, "epochs": given.epochs, "seed": given.seed, "minutes": round(minutes, 1), "flags": given.flags}
    return {**row, **alone(given, "--answer", name), **json.loads(figures.read_text())}


def start_row(given: argparse.Namespace, name: str) -> dict[str, Any]:
    """Take one step of a row with every number of pictures."""
    steps = {str(n): alone(given, "--step", name, "--batches", str(n)) for n in given.batches}
    return {"name": name, "steps": steps}


def trained_line(row: dict[str, Any]) -> str:
    """Return a row of the table of trained combinations."""
    groups = row["groups"]
    accuracy = " | ".join(f"{groups[key]['accuracy']:.3f}" for key in CONTROLS)
    return (
        f"| `{row['name']}` | {row['parameters'] / 1e6:.2f} | {accuracy} | {groups['text']['OKS AP50']:.3f} | "
        f"{groups['text']['oIoU']:.3f} | {row['ms']} | {row['text ms']} | {row['MB']} | "
        f"{row['epochs']} | {row['minutes']} |"
    )


def start_line(row: dict[str, Any]) -> str:
    """Return a row of the table of starts."""
    steps = row["steps"].values()
    cells = " | ".join(f"{step['seconds']} | {step['MB']:,}" for step in steps)
    return f"| `{row['name']}` | {next(iter(steps))['parameters'] / 1e6:.2f} | {cells} |"


def print_table(given: argparse.Namespace) -> None:
    """Make what is missing, and print one line for every row."""
    make: Callable[[argparse.Namespace, str], dict[str, Any]] = start_row if given.start else train_row
    if given.start:
        heads = ["combination", "parameters (M)", *(f"{n} pictures: {what}" for n in given.batches for what in "sM")]
        heads = [head.replace(": s", ": s a step").replace(": M", ": MB") for head in heads]
    else:
        heads = [
            "row",
            "parameters (M)",
            *CONTROLS,
            "OKS AP50",
            "oIoU",
            "look ms",
            "text ms",
            "MB",
            "epochs",
            "minutes",
        ]
    print("| " + " | ".join(heads) + " |\n|---|" + "--:|" * (len(heads) - 1), flush=True)
    for name in given.rows or (STARTED if given.start else TRAINED):
        place = given.folder / f"{row_name(given, name)}.{'start' if given.start else 'row'}.json"
        if not place.exists():
            save_text(place, json.dumps(make(given, name)))
        row = json.loads(place.read_text())
        print(start_line(row) if given.start else trained_line(row), flush=True)
    if not given.start:
        print(f"\na blind choice is right in {row['chance']}")


def split_words(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the words before ``--``, and those behind it."""
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def main() -> None:
    """Make what is missing; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", type=Path, nargs="?")
    parser.add_argument("--folder", type=Path, default=Path("runs/combinations"))
    parser.add_argument("--epochs", type=int, default=2, help="the same number of steps for every row")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--val-count", type=int, default=120, help="validation pictures that are measured")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", nargs="*")
    parser.add_argument("--label", default="", help="added to the names of the rows")
    parser.add_argument("--start", action="store_true", help="one step of every combination, no training")
    parser.add_argument("--batches", type=int, nargs="+", default=[2, 8], help="pictures of a step, for --start")
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    words, flags = split_words(sys.argv[1:])
    given = parser.parse_args(words, argparse.Namespace(flags=flags))
    if given.answer:
        print(json.dumps(time_answer(given.answer)))
    elif given.step:
        print(json.dumps(time_step(given.step, given.batches[0])))
    elif given.world is None and not given.start:
        parser.error("a drawn world is needed: uhd refer data world/")
    else:
        given.folder.mkdir(parents=True, exist_ok=True)
        print_table(given)


if __name__ == "__main__":
    main()
