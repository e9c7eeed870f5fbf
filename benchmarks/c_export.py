"""The C export beside onnxruntime: latency in pairs, memory, accuracy.

    python benchmarks/c_export.py [--model FILE.safetensors] [--data PEOPLE] [--flags "-O3 -march=native"] [--runs 2000]

Both run the network and its decoding on the same input, on one thread, turn by turn; C is called as
``NAME_predict`` through ctypes, onnxruntime runs the merged file with 100 rows. With ``--data`` int8 is calibrated on
256 images of ``train/``, and every form is scored on ``val/``: torch and C on all predictions, the ONNX file on its
100 rows.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from environment import environment

from uhd.cli.bench import time_interleaved
from uhd.compress.score import labelled, score
from uhd.export.c.config import CConfig
from uhd.export.c.predictor import FLAGS, CPredictor, compiler
from uhd.export.c_target import CTarget
from uhd.export.onnx.export import export_onnx
from uhd.export.open_model import open_model
from uhd.model_file import model_file
from uhd.models.predictor import TorchPredictor
from uhd.runtime.onnx import OnnxPredictor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=model_file("small", (".safetensors",)))
    parser.add_argument("--data", type=Path, help="folder with train/ and val/, for int8 and accuracy")
    parser.add_argument("--flags", default=" ".join(FLAGS), help="of the compiler")
    parser.add_argument("--runs", type=int, default=2000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    program = compiler()
    version = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True).stdout
    print(f"{environment(1)}, onnxruntime {onnxruntime.__version__}")
    print(f"{version.splitlines()[0]}, {arguments.flags}; load {_load()}")
    flags = shlex.split(arguments.flags)
    with tempfile.TemporaryDirectory() as folder:
        plain = TorchPredictor(arguments.model)
        export_onnx(plain.model, Path(folder) / "model.onnx", plain.spec)
        forms: dict[str, CPredictor] = {}
        for name in ("float32", *(["int8"] if arguments.data else [])):
            path = Path(folder) / f"{name}.c"
            config = CConfig(int8=name == "int8", calibration=arguments.data)
            sizes: list[str] = []
            CTarget().write(open_model(arguments.model), path, config, sizes.append)
            began = time.perf_counter()
            forms[f"C {name}"] = CPredictor(path, flags=flags)
            print(f"C {name}: {sizes[-1]}, compiled in {time.perf_counter() - began:.1f} s")
        onnx = OnnxPredictor(Path(folder) / "model.onnx")
        _time(onnx, forms, arguments.runs)
        if arguments.data:
            dataset = labelled(arguments.data, plain.spec, (0,))
            print(f"\n| form | AP50 | AP | ({len(dataset.records)} images)\n| --- | --- | --- |")
            for name, predictor in {"torch": plain, "onnxruntime": onnx, **forms}.items():
                found = score(name, predictor, dataset)
                print(f"| {name} | {found.ap50:.4f} | {found.ap:.4f} |", flush=True)


def _time(onnx: OnnxPredictor, forms: dict[str, CPredictor], runs: int) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    batch = onnx.preprocess([frame])
    feed = {onnx.input_name: batch}
    stages: dict[str, Callable[[], object]] = {"onnxruntime": lambda: onnx.session.run(None, feed)}
    for name, predictor in forms.items():
        pixels = predictor.pixels(batch)[0]
        stages[name] = lambda run=predictor.run, pixels=pixels: run(pixels)  # type: ignore[misc]
    rows = time_interleaved(stages, runs, runs // 10)
    base = rows["onnxruntime"]["p50"]
    print("\n| | p50 | p95 | p50 to onnxruntime |\n| --- | --- | --- | --- |")
    for name, row in rows.items():
        print(f"| {name} | {row['p50']:.3f} ms | {row['p95']:.3f} ms | {row['p50'] / base:.2f} |")


def _load() -> str:
    return Path("/proc/loadavg").read_text().split()[0] if Path("/proc/loadavg").is_file() else "unknown"


if __name__ == "__main__":
    main()
