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
from uhd.errors import UserError
from uhd.model_file import model_file
from uhd.runtime.timing import time_interleaved

FRAME = (480, 640)


def parse_batches(text: str) -> tuple[int, ...]:
    """Return numbers of images from a list with commas."""
    words = text.replace(",", " ").split()
    if not words or not all(word.isdigit() and int(word) > 0 for word in words):
        raise ValueError("is no list of whole numbers above 0, such as 1,8")
    return tuple(dict.fromkeys(int(word) for word in words))


@dataclass(frozen=True)
class BenchConfig(ModelFile, RuntimeFlags, JsonFile):
    """What is timed."""

    runs: int = knob(500, "timed runs", minimum=10)
    warmup: int = knob(50, "runs before", minimum=0)
    batch_size: tuple[int, ...] = knob((1,), "images at once; a list with commas times each", parse=parse_batches)


def main(argv: Sequence[str]) -> int:
    """Time a model; returns the exit code."""
    flags = Flags("uhd bench", "Time a model on one 640x480 frame, as decoded, to detections.", (BenchConfig,))
    flags.add_positional("files", nargs="*", type=Path, help="models; one is the same as --model")
    resolved = flags.resolve(argv)
    config = resolved[BenchConfig]
    files: list[Path | None] = [model_file(file) for file in resolved.positional.get("files") or []]
    if files and config.model is not None:
        raise UserError("uhd bench: models are given twice: leave out --model")
    claim_json(config.json)
    if missing := [file for file in files if file is not None and not file.exists()]:
        raise UserError(f"{missing[0]}: there is no such file: nothing was timed")
    found = []
    for file in files or [config.model]:
        for batch in config.batch_size:
            found.append(measure(file, config.threads, config.runs, config.warmup, batch))
            if str(config.json) != "-":
                print("\n".join(lines_of(found[-1])))
    # One model is one table, as ever.
    write_json(config.json, found[0] if len(found) == 1 else found)
    return 0


def lines_of(figures: Mapping[str, Any]) -> list[str]:
    """Return what :func:`measure` found as lines of text, the ratio first."""
    batch = f", {figures['batch_size']} images at once" if figures["batch_size"] > 1 else ""
    lines = [f"{figures['model']}  {figures['cpu']}, {figures['threads']} thread(s){batch}, {figures['versions']}"]
    if "to_bare_session" in figures:
        lines.append(f"  the whole way takes {figures['to_bare_session']:.2f} times the bare session on the same graph")
    for name, row in figures["milliseconds"].items():
        columns = "   ".join(f"{key} {row[key]:8.3f}" for key in ("p50", "p95", "p99", "mean", "std", "min", "max"))
        lines.append(f"  {name:<12} {columns} ms")
    return [*lines, f"  {figures['frames_per_second']:.0f} frames per second"]


def measure(
    model: Path | None, threads: int = 1, runs: int = 500, warmup: int = 50, batch_size: int = 1
) -> dict[str, Any]:
    """Return mean, spread and percentiles of each stage in milliseconds, with the machine and versions.

    Args:
        model: file; None for the one in the package.
        threads: of the runtime.
        runs: timed.
        warmup: runs before.
        batch_size: frames that every run takes; a file for fewer at once runs as often as it needs to.
    """
    import cv2
    import numpy as np

    from uhd.load import default_model, load
    from uhd.version import __version__

    cv2.setNumThreads(threads)
    detector = load(model, threads=threads)
    predictor = detector.predictor
    frames = [np.random.default_rng(0).integers(0, 256, (*FRAME, 3), np.uint8)] * batch_size
    batch = predictor.preprocess(frames)
    predictions = predictor.infer(batch)
    stages: dict[str, Callable[[], object]] = {
        "prepare": lambda: predictor.preprocess(frames),
        "network": lambda: predictor.infer(batch),
        "select": lambda: [predictor.postprocess(each, FRAME) for each in predictions],
        "whole": lambda: predictor.predict(frames),
    }
    versions = f"uhd {__version__}, numpy {np.__version__}, opencv {cv2.__version__}"
    from uhd.runtime.onnx import OnnxPredictor

    if isinstance(predictor, OnnxPredictor):
        import onnxruntime

        session = predictor.session

        # What the file itself takes: bytes where it does, and as many images as it was built for.
        step = predictor.batch or batch_size
        feed = {session.get_inputs()[0].name: predictor.feed(np.repeat(batch[:1], step, 0))}
        calls = range(-(-batch_size // step))
        stages["bare session"] = lambda: [session.run(None, feed) for _ in calls]
        versions += f", onnxruntime {onnxruntime.__version__}"
    milliseconds = time_interleaved(stages, runs, warmup)
    figures: dict[str, Any] = {
        "model": str((model or default_model()).name),
        "cpu": cpu_name(),
        "threads": threads,
        "versions": versions,
        "batch_size": batch_size,
        "frames_per_second": batch_size * 1000 / milliseconds["whole"]["mean"],
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
