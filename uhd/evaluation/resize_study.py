"""What the choice of resizing costs: pixels that differ between modes and libraries, time, and AP50 when it changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.data.dataset import Dataset
from uhd.evaluation.dataset import evaluate_dataset
from uhd.resize import input_channels, resize_image
from uhd.runtime.predictor import Predictor

Image = NDArray[np.uint8]
Resizer = Callable[[Image, tuple[int, int]], Image]


@dataclass(frozen=True)
class Difference:
    """How two ways to resize differ on a set of images, in 8-bit levels.

    Attributes:
        first, second: names of the ways.
        mean, largest: absolute difference.
        changed: share of the values that differ.
    """

    first: str
    second: str
    mean: float
    largest: int
    changed: float


def resizers() -> dict[str, Resizer]:
    """Return every way to resize that this installation has, by name; ONNX only where onnx is installed."""
    ways: dict[str, Resizer] = {
        "torch_bilinear": lambda image, size: resize_image(image, size, "torch_bilinear"),
        "torch_nearest": lambda image, size: resize_image(image, size, "torch_nearest"),
        "opencv_inter_linear": lambda image, size: resize_image(image, size, "opencv_inter_linear"),
        "opencv_inter_nearest": lambda image, size: resize_image(image, size, "opencv_inter_nearest"),
        "opencv area": lambda image, size: np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)),
    }
    if find_spec("onnx") is not None:
        ways["onnx nearest (floor)"] = _onnx_resizer("nearest")
        ways["onnx linear"] = _onnx_resizer("linear")
    return ways


def differences(images: Sequence[Image], size: tuple[int, int]) -> list[Difference]:
    """Compare every pair of ways on images (H, W, 3) uint8 resized to (height, width)."""
    ways = resizers()
    results = {name: np.stack([way(image, size) for image in images]).astype(np.int16) for name, way in ways.items()}
    names, found = list(results), []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            gap = np.abs(results[first] - results[second])
            found.append(Difference(first, second, float(gap.mean()), int(gap.max()), float((gap > 0).mean())))
    return found


def disagreeing_sizes(
    size: int, sources: Sequence[int] = (120, 160, 240, 320, 480, 640, 720, 960, 1080, 1280)
) -> dict[str, list[int]]:
    """Return, per way of point sampling, the source lengths at which it reads other pixels than OpenCV does."""
    found: dict[str, list[int]] = {}
    for name, way in resizers().items():
        if "nearest" not in name or name == "opencv_inter_nearest":
            continue
        found[name] = []
        for n in sources:
            place = np.arange(n)
            # Two channels name the row that a pixel came from.
            rows = np.stack([place % 256, place // 256, place * 0], -1).astype(np.uint8)[:, None].repeat(2, 1)
            if (way(rows, (size, 2)) != resize_image(rows, (size, 2), "opencv_inter_nearest")).any():
                found[name].append(n)
    return found


def timings(size: tuple[int, int], source: tuple[int, int] = (480, 640), runs: int = 200) -> dict[str, float]:
    """Return the median milliseconds of OpenCV's nearest, linear and area, timed in turn on one random frame."""
    frame = np.random.default_rng(0).integers(0, 256, (*source, 3), np.uint8)
    flags = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}
    taken: dict[str, list[float]] = {name: [] for name in flags}
    for _ in range(runs):
        for name, flag in flags.items():
            began = time.perf_counter()
            cv2.resize(frame, size[::-1], interpolation=flag)
            taken[name].append((time.perf_counter() - began) * 1000)
    return {name: float(np.median(values)) for name, values in taken.items()}


def deploy_matrix(
    load: Callable[[str], Predictor], trained: str, modes: Sequence[str], dataset: Dataset
) -> Mapping[str, float]:
    """Return the AP50 of one model under every deployment mode that feeds as many channels as its own.

    Args:
        load: deployment mode -> the model as a predictor fed by that mode.
        trained: mode the model was trained with.
        modes: modes to deploy with.
        dataset: labelled images, decoded with every mode by its own cache rule.
    """
    same = [mode for mode in modes if input_channels(mode) == input_channels(trained)]
    return {mode: evaluate_dataset(load(mode), dataset).metrics["AP50"] for mode in same}


def _onnx_resizer(kind: str) -> Resizer:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    attributes = (
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        if kind == "nearest"
        else {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    )
    graph = helper.make_graph(
        [helper.make_node("Resize", ["image", "", "", "sizes"], ["resized"], **attributes)],
        "resize",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, None, None]),
            helper.make_tensor_value_info("sizes", TensorProto.INT64, [4]),
        ],
        [helper.make_tensor_value_info("resized", TensorProto.FLOAT, [1, 3, None, None])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def resize(image: Image, size: tuple[int, int]) -> Image:
        planes = image.transpose(2, 0, 1)[None].astype(np.float32)
        sizes = np.array([1, 3, *size], np.int64)
        resized = session.run(None, {"image": planes, "sizes": sizes})[0][0]
        return np.asarray(np.clip(np.rint(resized), 0, 255).astype(np.uint8).transpose(1, 2, 0))

    return resize
