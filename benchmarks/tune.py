"""What a search brings at equal budget: settings found by ``uhd tune`` beside the defaults.

    python benchmarks/tune.py --data PEOPLE [--trials 12] [--trial-epochs 2] [--epochs 4] [--seeds 1 2 3]

The search trains every trial for few epochs with seed 0; then both settings are trained for equally many epochs,
with seeds that the search has not seen. AP50 is that of the final averaged weights on ``val/``. A search that exists is
gone on with.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from environment import environment

import uhd
from uhd.cli import main as command
from uhd.errors import UserError

SEARCHED = "lr,muon_lr,warmup_steps,ema_decay,object_share,loss_weight_box,loss_weight_quality"


def main() -> None:
    """Search, train both with every seed, print one row each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--trial-epochs", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--cnn-width", type=int, default=16)
    parser.add_argument("--search", default=SEARCHED)
    parser.add_argument("--output", type=Path, default=Path("runs/tune"))
    options = parser.parse_args()
    print(environment(1))
    words = [
        "tune", str(options.data), "--trials", str(options.trials), "--epochs", str(options.trial_epochs),
        "--cnn-width", str(options.cnn_width), "--search", options.search, "--sampler-seed", "0", "--threads", "1",
        "--output", str(options.output), "--exp-name", "search",
    ]  # fmt: skip
    if command(words) != 0:
        raise UserError("the search ended early; the same command goes on with it")
    best = options.output / "search" / "best.yaml"
    print(best.read_text(encoding="utf-8"))
    print("\n| | AP50 | mean | deviation |\n|---|---|--:|--:|")
    for name, more in (("the defaults", {}), ("the settings found", {"config": best})):
        found = []
        for seed in options.seeds:
            run = uhd.train(
                options.data, seed=seed, epochs=options.epochs, eval_interval=options.epochs, samples=0, threads=1,
                output=options.output, exp_name=f"{name.replace(' ', '_')}_{seed}", overwrite=True,
                cnn_width=options.cnn_width, **more,
            )  # fmt: skip
            found.append(run.metrics["AP50"])
        row = ", ".join(f"{value:.3f}" for value in found)
        print(f"| {name} | {row} | {statistics.mean(found):.3f} | {statistics.stdev(found):.3f} |", flush=True)


if __name__ == "__main__":
    main()
