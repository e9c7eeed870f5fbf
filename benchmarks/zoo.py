"""The named sizes of UltraTinyOD on one table: parameters, multiply-adds, AP50, latency.

    python benchmarks/zoo.py --data PEOPLE [--epochs 20] [--only "R rgb" ...] [--teacher FILE | --alone]
        [--output runs/zoo]

Every row is trained with the recipe of ``uhd train`` for the same number of epochs, seed 0, taught by the model in the
package (which sees the same crops in colour), and scored as the ONNX file that ``uhd export`` writes (merged output,
100 rows) on ``val/``. Latency is that of the file, one thread, from a
decoded 640x480 frame to detections. Rows without a finished run are trained first; ``--only`` picks rows,
``--no-train`` leaves the AP50 of the others empty.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
from pathlib import Path

import cv2
import torch
from environment import environment
from short_run import folder_name, short_run

from uhd.cli.bench import measure
from uhd.cli.export import main as export
from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.dataset import evaluate_dataset
from uhd.load import load
from uhd.model_file import model_file
from uhd.models.profile import profile
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.models.ultratinyod.variants import WIDTHS
from uhd.resize import input_channels

_INPUTS = {
    "rgb": "opencv_inter_nearest",
    "yuv422": "opencv_inter_nearest_yuv422",
    "y": "opencv_inter_nearest_y",
    "y_tri": "opencv_inter_nearest_y_tri",
    "y_bin": "opencv_inter_nearest_y_bin",
}
ROWS = {f"{name} rgb": (name, "rgb") for name in WIDTHS} | {f"R {kind}": ("R", kind) for kind in _INPUTS}


def row(name: str, arguments: argparse.Namespace) -> str:
    """Train (unless finished), export, score and time one row; returns its line of the table."""
    variant, kind = ROWS[name]
    mode = _INPUTS[kind]
    kind_of_run = "alone" if arguments.alone else "taught"
    folder = arguments.output / f"{folder_name(name)}_{kind_of_run}_e{arguments.epochs}_s0"
    if not arguments.no_train:
        changes: dict[str, object] = {"resize_mode": mode}
        if not arguments.alone:
            changes["teacher_ckpt"] = arguments.teacher
        short_run(folder, arguments.data, WIDTHS[variant], arguments.epochs, 0, changes, keep_weights=True)
    config = dataclasses.replace(UltraTinyODConfig(cnn_width=WIDTHS[variant]), in_channels=input_channels(mode))
    cost = profile(UltraTinyOD(config))
    text = f"| {variant} | {WIDTHS[variant]} | {kind} | {cost.params:,} | {cost.folded:,} | {cost.macs / 1e6:.1f} M |"
    if not (folder / "done").is_file():
        return text + " - | - | - |"
    weights = sorted(folder.glob("last_*.safetensors"))[-1]
    model = folder / "model.onnx"
    if not model.is_file():
        with contextlib.redirect_stdout(io.StringIO()):
            export([str(weights), "--output", str(model)])
    detector = load(model)
    data = DataConfig(image_dir=arguments.data, resize_mode=mode)
    opened = open_data(data)
    ap = evaluate_dataset(detector.predictor, read_dataset(opened.val, data, opened.report)).metrics["AP50"]
    times = measure(model)["milliseconds"]["whole"]
    return f"{text} {ap:.3f} | {times['p50']:.2f} / {times['p95']:.2f} ms | {model.stat().st_size / 1e6:.2f} MB |"


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--teacher", type=Path, default=model_file("small", (".safetensors",)))
    parser.add_argument("--alone", action="store_true", help="train without a teacher")
    parser.add_argument("--no-train", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("runs/zoo"))
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    print(f"{arguments.epochs} epochs, seed 0, {'alone' if arguments.alone else 'taught'}\n")
    print("| name | width | input | parameters | folded | multiply-adds | AP50 | p50 / p95 | ONNX |")
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|")
    for name in arguments.only:
        print(row(name, arguments), flush=True)


if __name__ == "__main__":
    main()
