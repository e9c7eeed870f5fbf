"""``uhd predict`` on a local Ray cluster against one process: the same photographs, the same rows.

    pip install '.[ray]'
    python benchmarks/cluster.py --data PEOPLE [--count 2000] [--workers 2] [--parquet]

Prints images per second of both, the cluster's with and without the time it takes to start (that of a shard of one
image). More than one worker only pays where more than one core is free.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import os
import tempfile
import time
from pathlib import Path

from environment import environment

from uhd.cli import main as uhd


def seconds(*words: str) -> float:
    """Return how long a command takes that has to succeed."""
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        code = uhd(list(words))
    assert code == 0, words
    return time.perf_counter() - began


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--parquet", action="store_true")
    options = parser.parse_args()
    print(environment(1), f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} processes ran before")
    photographs = sorted(path for path in options.data.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    with tempfile.TemporaryDirectory() as folder:
        many, one = Path(folder, "many"), Path(folder, "one")
        for place, count in ((many, options.count), (one, 1)):
            place.mkdir()
            for i, path in enumerate(itertools.islice(itertools.cycle(photographs), count)):
                (place / f"{i:06d}{path.suffix}").symlink_to(path.resolve())
        form = ["--parquet"] if options.parquet else []
        cluster = ["--ray", "local", "--ray-workers", str(options.workers), *form]
        shards = ["--shard-size", str(max(1, options.count // (8 * options.workers)))]
        alone = seconds("predict", str(many), "--no-draw", "--json", str(Path(folder, "alone.json")))
        start = seconds("predict", str(one), *cluster, "--output", str(Path(folder, "start")))
        shared = seconds("predict", str(many), *cluster, *shards, "--output", str(Path(folder, "shared")))
    print(f"one process: {options.count / alone:.0f} images/s ({alone:.1f} s)")
    taken = f"{shared:.1f} s, of which {start:.1f} s start"
    print(f"{options.workers} workers: {options.count / shared:.0f} images/s ({taken})")
    print(f"ratio: {alone / shared:.2f}, without the start {alone / max(shared - start, 1e-9):.2f}")


if __name__ == "__main__":
    main()
