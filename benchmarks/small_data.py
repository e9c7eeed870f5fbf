"""What a few dozen photographs of one's own camera bring: the model ``small``, ``--preset small``, from nothing.

    python benchmarks/small_data.py --data FRAMES [--seeds 0 1 2] [--output runs/small_data]

FRAMES holds ``train/`` and ``val/``, better from one camera and neither seen by ``small``. AP50 is that of the
final averaged weights on ``val/``; "from nothing" is our recipe for as many epochs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from environment import environment

import uhd
from uhd.model_file import model_file


def main() -> None:
    """Train with every seed and print one row per way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--output", type=Path, default=Path("runs/small_data"))
    options = parser.parse_args()
    print(environment(1))
    start = model_file("small", (".safetensors",))
    rows = {"`small` as it is": [uhd.evaluate(start, options.data).metrics["AP50"]]}
    for name, preset in (("--preset small", "small"), ("from nothing", "uhd")):
        rows[name] = []
        for seed in options.seeds:
            run = uhd.train(
                options.data, preset=preset, seed=seed, epochs=options.epochs, eval_interval=options.epochs, samples=0,
                output=options.output, exp_name=f"{preset}_{seed}", overwrite=True, threads=1,
            )  # fmt: skip
            rows[name].append(run.metrics["AP50"])
    print("\n| | AP50 |\n|---|---|")
    for name, values in rows.items():
        print(f"| {name} | {', '.join(f'{value:.4f}' for value in values)} |")


if __name__ == "__main__":
    main()
