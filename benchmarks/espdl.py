"""What ESP-DL's numbers cost a detector: AP of every written file in the simulator, estimated time, seconds per export.

    python benchmarks/espdl.py --data PEOPLE [--score-data OTHERS] [--model FILE] [--rows int8 speed ...]
        [--output FOLDER] [--resamples 30]

PEOPLE holds ``train/``, from which the calibration images come, and ``val/``, on which (or that of OTHERS) the files
are scored as ``uhd val --model FILE.espdl`` does. Nothing is run on a chip: accuracy is simulated, time is estimated.
With ``--resamples`` the photographs are drawn again and again with replacement; the standard deviation of the
difference to the float model says how much of it is chance.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from environment import environment

from uhd.compress.score import Score, labelled, score
from uhd.config import preset
from uhd.data.dataset import Dataset
from uhd.evaluation.dataset import infer_images, truths_of
from uhd.evaluation.evaluate import evaluate
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.export import export_espdl
from uhd.export.espdl.float_graph import FloatGraph
from uhd.export.espdl.simulator import EspdlPredictor, RawMapPredictor
from uhd.export.espdl.source import open_source
from uhd.runtime.predictor import Predictor

MODEL = Path(__file__).parents[1] / "uhd" / "weights" / "ultratinyod_w32_64x64.safetensors"
_RELUS = {"calib_algorithm": "percentile"}  # as "auto" in 8 bits, but for the steps of the outputs
_PLAIN = {**_RELUS, "stored_relus": False}
ROWS: dict[str, dict[str, Any]] = {
    "original": {"preset": "original", "onnx_model": None, "espdl_model": None, "split": "train"},
    # One thing more each; "int8" is what the command does.
    "rounded": {**_PLAIN, "use_layerwise_equalization": False, "bias_correction": False, "reconstruction": False},
    "equalised": {**_PLAIN, "bias_correction": False, "reconstruction": False},
    "biases": {**_PLAIN, "reconstruction": False},
    "fitted": _PLAIN,
    "relus": _RELUS,
    "int8": {},
    "split": {"split_wide_convs": True},
    "speed": {"recipe": "speed"},
    "precision": {"recipe": "precision"},
    "depthwise": {"auto_int16_depthwiseconv": True},
    "auto-4": {"auto_int16": 4},
    "int16": {"num_of_bits": 16},
}


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--score-data", type=Path, help="score on these labelled images instead")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--targets", nargs="+", default=["esp32s3", "esp32p4"])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--output", type=Path, help="keep the files here")
    parser.add_argument("--resamples", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{environment(1)}, esp-ppq {version('esp-ppq')}")
    prepared, spec = open_source(arguments.model, EspdlConfig())
    dataset = labelled(arguments.score_data or arguments.data, spec, (0,))
    print(f"{len(dataset)} images\n")
    print("| target | form | convolutions in 16 bits | AP50 | AP | .espdl | estimate | CPU time of the export |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    run = FloatGraph(prepared.model).run
    reference = RawMapPredictor(run, prepared.constants, spec.to_metadata())
    _row("", "float", "", score("float", reference, dataset))
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.output or Path(temporary)
        for target in arguments.targets:
            for name in arguments.rows:
                settings = {"target": target, "image_dir": arguments.data, **ROWS[name]}
                config = preset(EspdlConfig, settings.pop("preset", "uhd"), **settings)
                path = folder / f"{target}_{name}.espdl"
                said: list[str] = []
                began = time.process_time()
                prepared, spec = open_source(arguments.model, config)
                done = export_espdl(prepared, spec, path, config, said.append)
                taken = time.process_time() - began
                convs = [node.name for node in prepared.model.graph.node if node.op_type == "Conv"]
                wide = sum(each in done.int16 for each in convs) if config.num_of_bits == 8 else len(convs)
                result = score(name, EspdlPredictor(path), dataset)
                size, guess = f"{path.stat().st_size / 1e3:.0f} kB", ""
                if done.latency is not None:
                    guess = f"{done.latency.milliseconds:.1f} ms"
                _row(target, name, f"{wide} of {len(convs)}", result, size, guess, f"{taken:.1f} s")
                if arguments.resamples:
                    print(_chance(reference, EspdlPredictor(path), dataset, arguments.resamples), flush=True)


def _chance(reference: Predictor, other: Predictor, dataset: Dataset, times: int) -> str:
    spec, truths = reference.spec, truths_of(dataset)
    images = dataset.network_images(spec.input_size, spec.resize_mode)
    found = [infer_images(each, images) for each in (reference, other)]
    rng, apart = np.random.default_rng(0), []
    for _ in range(times):
        chosen = rng.integers(0, len(truths), len(truths))
        drawn = [truths[i] for i in chosen]
        before, after = (
            evaluate([each[i] for i in chosen], drawn, spec.class_names, spec.input_size[0]).metrics for each in found
        )
        apart.append([after[name] - before[name] for name in ("AP50", "AP")])
    mean, deviation = np.mean(apart, 0), np.std(apart, 0)
    return f"  to float: AP50 {mean[0]:+.4f} +- {deviation[0]:.4f}, AP {mean[1]:+.4f} +- {deviation[1]:.4f}"


def _row(target: str, name: str, wide: str, result: Score, *rest: str) -> None:
    cells = [target, name, wide, f"{result.ap50:.4f}", f"{result.ap:.4f}", *rest]
    print(f"| {' | '.join(cells + [''] * (8 - len(cells)))} |", flush=True)


if __name__ == "__main__":
    main()
