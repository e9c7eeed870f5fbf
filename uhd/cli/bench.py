"""``uhd bench``: how long a model takes, from a decoded camera frame to detections."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uhd.cli.flags import Flags
from uhd.cli.output import JSON, claim
from uhd.config import knob
from uhd.runtime.timing import time_interleaved


@dataclass(frozen=True)
class BenchConfig:
    """What is timed."""

    model: Path | None = knob(None, "model file (default: the one in the package)")
    threads: int = knob(1, "threads of the runtime", minimum=1)
    runs: int = knob(500, "timed runs", minimum=10)
    warmup: int = knob(50, "runs before", minimum=0)
    json: Path | None = knob(None, "write the figures as JSON")


def main(argv: Sequence[str]) -> int:
    """Time a model; returns the exit code."""
    flags = Flags("uhd bench", "Time a model on one 640x480 frame, as decoded, to detections.", (BenchConfig,))
    flags.add_positional("file", nargs="?", type=Path, help="model file (default: the one in the package)")
    resolved = flags.resolve(argv)
    config = resolved[BenchConfig]
    if config.json is not None:
        claim(config.json, JSON)
    figures = measure(resolved.positional.get("file") or config.model, config.threads, config.runs, config.warmup)
    print(f"{figures['model']}  {figures['cpu']}, {figures['threads']} thread(s), {figures['versions']}")
    for name, row in figures["milliseconds"].items():
        print(f"  {name:<12} p50 {row['p50']:8.3f} ms   p95 {row['p95']:8.3f} ms")
    if config.json is not None:
        config.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def measure(model: Path | None, threads: int = 1, runs: int = 500, warmup: int = 50) -> dict[str, Any]:
    """Return p50 and p95 of each stage in milliseconds, with the machine and versions."""
    import cv2
    import numpy as np

    from uhd.load import default_model, load
    from uhd.version import __version__

    cv2.setNumThreads(threads)
    detector = load(model, threads=threads)
    predictor = detector.predictor
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    batch = predictor.preprocess([frame])
    prediction = predictor.infer(batch)[0]
    stages: dict[str, Callable[[], object]] = {
        "prepare": lambda: predictor.preprocess([frame]),
        "network": lambda: predictor.infer(batch),
        "select": lambda: predictor.postprocess(prediction, (480, 640)),
        "whole": lambda: predictor.predict([frame]),
    }
    versions = f"uhd {__version__}, numpy {np.__version__}, opencv {cv2.__version__}"
    session = getattr(predictor, "session", None)
    if session is not None:
        import onnxruntime

        feed = {session.get_inputs()[0].name: batch}
        stages["bare session"] = lambda: session.run(None, feed)
        versions += f", onnxruntime {onnxruntime.__version__}"
    return {
        "model": str((model or default_model()).name),
        "cpu": cpu_name(),
        "threads": threads,
        "versions": versions,
        "milliseconds": time_interleaved(stages, runs, warmup),
    }


def cpu_name() -> str:
    """Return the processor's model name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
