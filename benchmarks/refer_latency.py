"""How long finding one person takes on one thread: both parts, the cascade, int8, and the memory.

    python benchmarks/refer_latency.py --model CHECKPOINT [--sizes 96 256 640] [--world WORLD] [--detector MODEL]

* The image part (one look at a picture) and the prompt part (one text, and six) are timed as ONNX files, exported at
  every size; the peak of resident memory is that of a process that runs nothing else.
* The image part's backbone and pyramid on eight bits, calibrated on 32 pictures of ``--world``, beside float; with its
  accuracy on the first 60 validation pictures.
* A sequence of 100 frames, nobody in 90 of them: the cascade (the detector's boxes prompt, and where there is none this
  network does not run) against looking at every frame.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from environment import environment

from uhd.compress.int8.calibrate import activation_ranges
from uhd.compress.int8.layers import body_of
from uhd.compress.int8.rewrite import to_int8
from uhd.refer.config import ReferDataConfig
from uhd.refer.data import open_val
from uhd.refer.evaluate import evaluate_refer
from uhd.refer.export import export_refer
from uhd.refer.network_file import input_of, load_network
from uhd.refer.onnx_finder import OnnxFinder, prompt_file
from uhd.refer.referrer import Referrer
from uhd.refer.world.palette import textured_background
from uhd.refer.world.scene import draw_scene
from uhd.resize import to_network
from uhd.runtime.timing import time_interleaved

RUNS, FRAMES, SHOWN = 60, 100, 10
TEXTS = ("the leftmost person", "the rightmost person", "the person in the red shirt", "the largest person",
         "the person sitting", "the person with blue trousers")  # fmt: skip
MEASURE = """
import sys, numpy as np
from uhd.refer.onnx_finder import OnnxFinder
def peak():  # of this process alone: getrusage still counts the one that started it
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
finder = OnnxFinder(sys.argv[1])
found = finder.look(np.zeros((1, *finder.size, 3), np.uint8))[0]
finder.ask_texts(found, ["the person"])
print(peak() / 1024, (peak() - before) / 1024)
"""


def parts(checkpoint: Path, sizes: Sequence[int], folder: Path) -> None:
    """Print the times of both parts at every size."""
    network, meta = load_network(checkpoint)
    print("| input | image p50 ms | p95 | one text p50 ms | six texts p50 ms | files KB | peak MB | of the model |")
    print("|--:|--:|--:|--:|--:|--:|--:|--:|")
    for side in sizes:
        path = folder / f"refer{side}.onnx"
        export_refer(network, path, (side, side), input_of(meta)[1], {})
        finder = OnnxFinder(path)
        picture = draw_scene(np.random.default_rng(0), (side, side)).image[None]
        found = finder.look(picture)[0]
        stages = {
            "look": lambda finder=finder, picture=picture: finder.look(picture),
            "one": lambda finder=finder, found=found: finder.ask_texts(found, TEXTS[:1]),
            "six": lambda finder=finder, found=found: finder.ask_texts(found, TEXTS),
        }
        told = time_interleaved(stages, RUNS, 5, 30)  # type: ignore[arg-type]
        command = [sys.executable, "-c", MEASURE, str(path)]
        peak, own = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        weight = (path.stat().st_size + prompt_file(path).stat().st_size) / 1024
        look = told["look"]
        print(
            f"| {side}x{side} | {look['p50']:.1f} | {look['p95']:.1f} | {told['one']['p50']:.2f} | "
            f"{told['six']['p50']:.2f} | {weight:.0f} | {float(peak):.0f} | {float(own):.0f} |",
            flush=True,
        )


def eight_bits(checkpoint: Path, world: Path, folder: Path) -> None:
    """Print time, size and accuracy of the image part with its backbone and pyramid on eight bits."""
    network, meta = load_network(checkpoint)
    size, mode = input_of(meta)
    path, small = folder / "float.onnx", folder / "int8.onnx"
    export_refer(network, path, size, mode, {})
    dataset, _ = open_val(ReferDataConfig(data=world, img_size=size, resize_mode=mode, val_count=60), False)
    feeds = [to_network(dataset.network_sample(i, size, mode).image[None], mode) for i in range(32)]
    graph = onnx.shape_inference.infer_shapes(onnx.load(path))
    ranges = activation_ranges(graph, feeds)
    nodes = [name for name in body_of(graph) if "/backbone/" in name or "/pyramid/" in name]
    onnx.save(to_int8(graph, ranges, nodes), small)
    prompt_file(small).write_bytes(prompt_file(path).read_bytes())
    finders = {"float": OnnxFinder(path), "int8": OnnxFinder(small)}
    picture = dataset.network_sample(0, size, mode).image[None]
    stages = {name: (lambda finder=finder: finder.look(picture)) for name, finder in finders.items()}
    told = time_interleaved(stages, RUNS, 5)  # type: ignore[arg-type]
    print(
        f"\n| image part at {size[0]}x{size[1]} | p50 ms | KB | accuracy | OKS AP50 | oIoU |\n|---|--:|--:|--:|--:|--:|"
    )
    for name, finder in finders.items():
        figures = evaluate_refer(finder, dataset, mode).groups["text"]
        weight = (path if name == "float" else small).stat().st_size / 1024
        values = " | ".join(f"{figures[key]:.3f}" for key in ("accuracy", "OKS AP50", "oIoU"))
        print(f"| {name} | {told[name]['p50']:.2f} | {weight:.0f} | {values} |", flush=True)


def cascade(checkpoint: Path, detector: Path | None, side: int, folder: Path) -> None:
    """Print the time of a sequence of frames, nobody in nine of ten, with and without a detector in front."""
    import uhd

    network, meta = load_network(checkpoint)
    path = folder / f"refer{side}.onnx"
    if not path.exists():
        export_refer(network, path, (side, side), input_of(meta)[1], {})
    find, detect = Referrer(OnnxFinder(path)), uhd.load(detector)
    rng = np.random.default_rng(0)
    frames = [
        draw_scene(rng, (480, 640)).image if i % (FRAMES // SHOWN) == 0 else textured_background((480, 640), rng)
        for i in range(FRAMES)
    ]
    ways = {
        "cascade": lambda frame: find.everybody(frame, detect),
        "always on": lambda frame: find(frame, text="the leftmost person"),
    }
    print(f"\n| {FRAMES} frames, people in {SHOWN}, {side}x{side} | ms a frame | frames answered |\n|---|--:|--:|")
    for name, way in ways.items():
        way(frames[0])
        began, answered = time.perf_counter(), 0
        for frame in frames:
            answered += bool(way(frame))
        print(f"| {name} | {(time.perf_counter() - began) * 1000 / FRAMES:.2f} | {answered} |", flush=True)


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 256, 640])
    parser.add_argument("--world", type=Path)
    parser.add_argument("--detector", type=Path)
    options = parser.parse_args()
    print(environment(1), "\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts(options.model, options.sizes, folder)
        if options.world:
            eight_bits(options.model, options.world, folder)
        cascade(options.model, options.detector, 256, folder)


if __name__ == "__main__":
    main()
