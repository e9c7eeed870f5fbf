"""``uhd bench``: how long a model takes, from a decoded camera frame to detections."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uhd.cli.flags import Flags
from uhd.cli.output import claim_json, write_json
from uhd.config import knob
from uhd.config.groups import JsonFile, ModelFile, RuntimeFlags
from uhd.runtime.timing import time_interleaved


@dataclass(frozen=True)
class BenchConfig(ModelFile, RuntimeFlags, JsonFile):
    """What is timed."""

    runs: int = knob(500, "timed runs", minimum=10)
    warmup: int = knob(50, "runs before", minimum=0)


def main(argv: Sequence[str]) -> int:
    """Time a model; returns the exit code."""
    flags = Flags("uhd bench", "Time a model on one 640x480 frame, as decoded, to detections.", (BenchConfig,))
    flags.add_positional("file", nargs="?", type=Path, help="the same as --model", fills="model")
    resolved = flags.resolve(argv)
    config = resolved[BenchConfig]
    claim_json(config.json)
    figures = measure(config.model, config.threads, config.runs, config.warmup)
    if str(config.json) != "-":
        print("\n".join(lines_of(figures)))
    write_json(config.json, figures)
    return 0


def lines_of(figures: Mapping[str, Any]) -> list[str]:
    """Return what :func:`measure` found as lines of text, the ratio first."""
    lines = [f"{figures['model']}  {figures['cpu']}, {figures['threads']} thread(s), {figures['versions']}"]
    if "to_bare_session" in figures:
        lines.append(f"  the whole way takes {figures['to_bare_session']:.2f} times the bare session on the same graph")
    for name, row in figures["milliseconds"].items():
        lines.append(f"  {name:<12} p50 {row['p50']:8.3f} ms   p95 {row['p95']:8.3f} ms")
    return lines


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
    from uhd.runtime.onnx import OnnxPredictor

    if isinstance(predictor, OnnxPredictor):
        import onnxruntime

        session = predictor.session

        # What the file itself takes: bytes where it does, and as many images as it was built for.
        inputs = predictor.feed(np.repeat(batch, predictor.batch or 1, 0))
        feed = {session.get_inputs()[0].name: inputs}
        stages["bare session"] = lambda: session.run(None, feed)
        versions += f", onnxruntime {onnxruntime.__version__}"
    milliseconds = time_interleaved(stages, runs, warmup)
    figures: dict[str, Any] = {
        "model": str((model or default_model()).name),
        "cpu": cpu_name(),
        "threads": threads,
        "versions": versions,
        "milliseconds": milliseconds,
    }
    if "bare session" in milliseconds:
        figures["to_bare_session"] = milliseconds["whole"]["p50"] / milliseconds["bare session"]["p50"]
    return figures


def cpu_name() -> str:
    """Return the processor's model name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
