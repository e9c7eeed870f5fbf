"""The named sizes of UltraTinyOD by one recipe: what each costs, and what it finds.

    python benchmarks/zoo.py --data MORE --val PEOPLE [--only "R rgb" ...] [--epochs 10] [--seed 0] [--no-train]
        [--output runs/zoo]

Every row begins with ``nano`` of the package, widened, and is trained on ``MORE/train`` with ``--preset whole`` and the
default model of the package as its teacher (which sees the same windows in colour, in half numbers, and gives its
anchors); a row in gray begins with the row in colour of the same width, which is trained first, and takes
``--gray-epochs``. The end of the run, averaged weights, is exported and the files are scored on ``PEOPLE/val``: ONNX
float and ONNX on eight bits, both with suppression inside; calibration on ``PEOPLE/train``. Latency is that of the
float file, one thread, from a decoded 640x480 frame to detections. Rows without a finished run are trained first,
finished ones are not trained again. The ESP32-S3's time is an estimate, see docs/esp32.md.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import onnx
import torch
from environment import environment
from short_run import short_run

from uhd.cli.bench import measure
from uhd.cli.export import main as export
from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.dataset import evaluate_dataset
from uhd.export.espdl.latency import CHIPS, estimate
from uhd.export.espdl.prepare import prepare
from uhd.load import load
from uhd.model_file import model_file
from uhd.models.profile import profile
from uhd.models.ultratinyod.variants import WIDTHS
from uhd.models.weights import load_model

_MODES = {"rgb": "opencv_inter_nearest", "y": "opencv_inter_nearest_y"}
ROWS = {f"{name} {kind}": (name, kind) for kind in _MODES for name in WIDTHS}
USUAL = ("R rgb", "Y rgb", "Z rgb", "N rgb", "R y", "Y y")
_HEAD = (
    "name", "width", "input", "parameters", "multiply-adds", "AP50", "AP", "8 to 16 px", "recall at 0.01", "at 0.1",
    "anybody there", "AP50 on eight bits", "p50 / p95", "ONNX", "eight bits", "S3, estimate",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What all rows share.

    Attributes:
        data: folder to train on.
        val: folder whose ``val/`` is scored and whose ``train/`` calibrates.
        epochs: of a row in colour.
        gray_epochs: of a row in gray, behind those.
        seed: of weights, order and augmentation.
        output: folder of the runs.
    """

    data: Path
    val: Path
    epochs: int
    gray_epochs: int
    seed: int
    output: Path

    def folder(self, name: str, kind: str) -> Path:
        """Return the run folder of a row."""
        epochs = self.epochs if kind == "rgb" else self.gray_epochs
        return self.output / f"{name}_{kind}_e{epochs}_s{self.seed}"

    def train(self, name: str, kind: str) -> None:
        """Train a row, unless it is finished."""
        changes: dict[str, object] = {
            "ckpt": model_file("nano", (".safetensors",)), "ckpt_non_strict": True, "resize_mode": _MODES[kind],
            "aug_config": Path("whole"), "anchor_assigner": "atss", "iou_loss": "giou", "num_anchors": 4,
            "teacher_ckpt": model_file("package", (".safetensors",)), "teacher_dtype": "bf16",
            "override_from_teacher_anchors": True, "distill_box_l1": 40.0, "distill_quality": 40.0, "distill_obj": 2.0,
        }  # fmt: skip
        epochs = self.epochs
        if kind != "rgb":
            self.train(name, "rgb")
            epochs, changes["ckpt"] = self.gray_epochs, weights_of(self.folder(name, "rgb"))
        short_run(self.folder(name, kind), self.data, WIDTHS[name], epochs, self.seed, changes, keep_weights=True)


def weights_of(folder: Path) -> Path:
    """Return the averaged weights of the end of a run."""
    return sorted(folder.glob("last_*.safetensors"))[-1]


def row(name: str, kind: str, plan: Plan) -> str:
    """Export, score and time a trained row; returns its line of the table."""
    folder = plan.folder(name, kind)
    weights = weights_of(folder)
    whole, small, parts = (folder / file for file in ("model.onnx", "int8.onnx", "parts.onnx"))
    for path, words in {
        whole: ["--nms"],
        small: ["--format", "onnx-int8", "--nms", "--calibration", str(plan.val)],
        parts: ["--no-merge-postprocess", "--noconcat-box-obj-quality-cls"],
    }.items():
        if not path.is_file():
            with contextlib.redirect_stdout(io.StringIO()):
                export([str(weights), *words, "--output", str(path)])
    data = DataConfig(image_dir=plan.val, resize_mode=_MODES[kind])
    opened = open_data(data)
    dataset = read_dataset(opened.val, data, opened.report)
    found, rounded = (evaluate_dataset(load(path).predictor, dataset).metrics for path in (whole, small))
    network, _ = load_model(weights)
    cost = profile(network)
    times = measure(whole)["milliseconds"]["whole"]
    chip = estimate(prepare(onnx.load(parts)).model, CHIPS["esp32s3"])
    scores = ("AP50", "AP", "AP50/8-16px", "recall_at_0.01_alarms", "recall_at_0.1_alarms", "person_accuracy")
    cells = [name, str(WIDTHS[name]), kind, f"{cost.params:,}", f"{cost.macs / 1e6:.1f} M"]
    cells += [f"{found[score]:.3f}" for score in scores] + [f"{rounded['AP50']:.3f}"]
    cells += [f"{times['p50']:.2f} / {times['p95']:.2f} ms"]
    cells += [f"{path.stat().st_size / 1e6:.2f} MB" for path in (whole, small)] + [f"{chip.milliseconds:.0f} ms"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--gray-epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(USUAL))
    parser.add_argument("--no-train", action="store_true", help="rows without a finished run are left out")
    parser.add_argument("--output", type=Path, default=Path("runs/zoo"))
    asked = parser.parse_args()
    plan = Plan(asked.data, asked.val, asked.epochs, asked.gray_epochs, asked.seed, asked.output)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    print(f"{asked.epochs} epochs in colour, {asked.gray_epochs} more in gray, seed {asked.seed}\n")
    print(f"| {' | '.join(_HEAD)} |\n|---{'|--:' * (len(_HEAD) - 1)}|")
    for each in asked.only:
        name, kind = ROWS[each]
        if not asked.no_train:
            plan.train(name, kind)
        if (plan.folder(name, kind) / "done").is_file():
            print(row(name, kind, plan), flush=True)


if __name__ == "__main__":
    main()
