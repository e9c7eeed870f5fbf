"""Runs a full-integer .tflite in TensorFlow Lite Micro and in LiteRT: are the integers equal, how large is the arena?

    pip install tflite-micro ai-edge-litert
    python integrations/tflite-micro/compare.py people.tflite [PHOTO.jpg ...]

LiteRT computes the same file in several ways, which differ in how they round: its reference kernels, which are those of
TensorFlow Lite Micro, its optimised ones, and XNNPACK. All three are compared. Without photographs the input is noise.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ARENA = 1 << 22  # bytes, more than any of our models needs


def arena_bytes(model: bytes, image: NDArray[np.int8]) -> int:
    """Return the least arena that a model runs in, to 64 bytes."""
    from tflite_micro import runtime

    low, high = 0, ARENA
    while high - low > 64:
        middle = (low + high) // 2
        try:
            micro = runtime.Interpreter.from_bytes(model, arena_size=middle)
            micro.set_input(image, 0)
            micro.invoke()
            high = middle
        except RuntimeError:
            low = middle
    return high


def run_micro(model: bytes, images: list[NDArray[np.int8]]) -> list[list[NDArray[np.int8]]]:
    """Return the outputs of TensorFlow Lite Micro for every image (1, h, w, C), in the order of the file."""
    from tflite_micro import runtime

    micro = runtime.Interpreter.from_bytes(model, arena_size=ARENA)
    count = len(_interpreter(model, "reference").get_output_details())
    found = []
    for image in images:
        micro.set_input(image, 0)
        micro.invoke()
        found.append([np.array(micro.get_output(i)) for i in range(count)])
    return found


def run_litert(model: bytes, images: list[NDArray[np.int8]], kernels: str) -> list[list[NDArray[np.int8]]]:
    """Return the same of LiteRT with ``reference``, ``optimised`` or ``XNNPACK`` kernels."""
    lite = _interpreter(model, kernels)
    found = []
    for image in images:
        lite.set_tensor(lite.get_input_details()[0]["index"], image)
        lite.invoke()
        found.append([lite.get_tensor(detail["index"]) for detail in lite.get_output_details()])
    return found


def _interpreter(model: bytes, kernels: str) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kinds = {
        "reference": OpResolverType.BUILTIN_REF,
        "optimised": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "XNNPACK": OpResolverType.AUTO,
    }
    lite = Interpreter(model_content=model, experimental_op_resolver_type=kinds[kernels])
    lite.allocate_tensors()
    return lite


def pictures(paths: list[Path], shape: tuple[int, ...]) -> Iterator[NDArray[np.int8]]:
    """Yield photographs, or 20 of noise, as the model takes them: bytes less 128."""
    rng = np.random.default_rng(0)
    for path in paths:
        image = cv2.imread(str(path))
        if image is None:
            raise SystemExit(f"{path}: is not a picture")
        small = cv2.resize(image, (shape[2], shape[1]), interpolation=cv2.INTER_NEAREST)[None, ..., ::-1]
        yield np.ascontiguousarray((small.astype(np.int16) - 128).astype(np.int8))
    for _ in range(0 if paths else 20):
        yield rng.integers(-128, 128, shape, np.int8)


def main() -> None:
    """Print what differs, and the arena."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photographs", type=Path, nargs="*")
    arguments = parser.parse_args()
    model = arguments.model.read_bytes()
    details = _interpreter(model, "reference")
    images = list(pictures(arguments.photographs, tuple(details.get_input_details()[0]["shape"])))
    names = [detail["name"] for detail in details.get_output_details()]
    micro = run_micro(model, images)
    for kernels in ("reference", "optimised", "XNNPACK"):
        lite = run_litert(model, images, kernels)
        for i, name in enumerate(names):
            pairs = zip(micro, lite, strict=True)
            wrong = np.stack([np.abs(a[i].astype(int) - b[i].astype(int)) for a, b in pairs])
            share = f"{(wrong > 0).mean():.2%} of its integers"
            print(f"LiteRT, {kernels}: {name} differs in {share}, by {wrong.max()} at most")
    print(f"arena: {arena_bytes(model, images[0]):,} bytes (64-bit pointers; less on a microcontroller)")


if __name__ == "__main__":
    main()
