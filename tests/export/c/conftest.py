"""Networks as C, compiled, beside the same networks in onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.export.conftest import class_names
from uhd.card import ModelSpec
from uhd.detections import Detections
from uhd.draw import draw
from uhd.export.c import export_c
from uhd.export.c.predictor import CPredictor, compiler
from uhd.export.c_target import open_network
from uhd.export.onnx.export import export_onnx
from uhd.models.network import DetectorNetwork
from uhd.runtime.onnx import OnnxPredictor

# Not optimised: these networks run once, and are compiled every time.
STRICT = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror")

needs_compiler = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")


def spec_for(model: DetectorNetwork, size: tuple[int, int] = (32, 32), mode: str = "opencv_inter_nearest") -> ModelSpec:
    return ModelSpec(input_size=size, resize_mode=mode, class_names=class_names(model), arch=model.arch)


def write_float(model: DetectorNetwork, spec: ModelSpec, folder: Path) -> Path:
    path = folder / "net.c"
    export_c(open_network(model, spec), path)
    return path


def in_onnxruntime(model: DetectorNetwork, spec: ModelSpec, folder: Path) -> OnnxPredictor:
    path = folder / "net.onnx"
    export_onnx(model, path, spec, "raw", verify=False)
    return OnnxPredictor(path)


def in_c(path: Path, **options: Any) -> CPredictor:
    return CPredictor(path, flags=STRICT, **options)


def noise(size: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def drawing(size: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Return flat areas and edges, which noise has not."""
    rng = np.random.default_rng(seed)
    h, w = size
    corners = rng.uniform(0, 1, (5, 2, 2)) * (w, h)
    boxes = np.concatenate([corners.min(1), corners.max(1) + 1], 1).astype(np.float32)
    plain = np.broadcast_to(np.linspace(20, 230, w)[None, :, None], (h, w, 3)).astype(np.uint8)
    ids = np.zeros(5, np.int64)
    return draw(plain, Detections(boxes, np.linspace(1, 0.5, 5, dtype=np.float32), ids, size, ("person",)))
