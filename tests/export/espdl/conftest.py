"""A small detector and drawn photographs, and esp-ppq where it is installed."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from uhd.boxes import xyxy_to_cxcywh
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.export import Exported, export_espdl
from uhd.export.espdl.prepare import Prepared, prepare
from uhd.export.espdl.source import open_source
from uhd.export.espdl.toolchain import chatter_to
from uhd.export.onnx.export import export_onnx
from uhd.load import load
from uhd.models.predictor import spec_of
from uhd.models.weights import describe, load_model, save_weights

from ..conftest import make_model


@pytest.fixture(scope="session")
def esp_ppq() -> None:
    """Skip where esp-ppq is not installed."""
    with chatter_to(None):
        pytest.importorskip("esp_ppq", reason="esp-ppq is not installed: pip install '.[espdl]'")
    # It collects garbage after each of its steps, among all that it has imported.
    gc.freeze()


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``train/`` with six pictures and ``val/`` with four, each with a bright figure that is labelled."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for i in range(10):
        part = folder / ("train" if i < 6 else "val")
        part.mkdir(exist_ok=True)
        image = rng.integers(0, 120, (60, 80, 3), dtype=np.uint8)
        x, y = int(rng.integers(0, 40)), int(rng.integers(0, 30))
        image[y : y + 30, x : x + 20] = 230
        assert cv2.imwrite(str(part / f"p{i}.png"), image)
        box = f"{(x + 10) / 80} {(y + 15) / 60} 0.25 0.5"
        (part / f"p{i}.txt").write_text(f"{int(i == 5)} {box}\n")
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of width 4 for 32x32 images, with random weights."""
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    model = make_model("iou_aware")
    meta = describe(model, img_size="32x32", resize_mode="opencv_inter_nearest", class_names=["person"])
    save_weights(path, model.state_dict(), {**meta, "metrics": {"AP50": 0.9, "best_threshold": 0.25}})
    return path


@pytest.fixture(scope="session")
def parts(checkpoint: Path) -> Path:
    """The same as ONNX with separate outputs."""
    path = checkpoint.with_suffix(".onnx")
    model, meta = load_model(checkpoint)
    export_onnx(model, path, spec_of(meta), form="parts", verify=False)
    return path


@pytest.fixture
def prepared(parts: Path) -> Iterator[Prepared]:
    """The same, ready for esp-ppq; each test its own, as cutting changes it."""
    return prepare(onnx.load(str(parts)))


@pytest.fixture(scope="session")
def sure(parts: Path, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographs, labelled with what the float model is surest of, so that AP says how far another one is."""
    folder = tmp_path_factory.mktemp("sure") / "photographs"
    shutil.copytree(photographs, folder)
    detector = load(parts)
    for image in folder.rglob("*.png"):
        found = detector(image, 0.0, 0.5)
        boxes = xyxy_to_cxcywh(found.xyxy[:2] / np.array([80, 60, 80, 60], np.float32))
        image.with_suffix(".txt").write_text("".join(f"0 {' '.join(map(str, box))}\n" for box in boxes))
    return folder


@pytest.fixture(scope="session")
def config(sure: Path) -> EspdlConfig:
    return EspdlConfig(image_dir=sure, calib_steps=4, recipe="speed", auto_int16=1, score=True)


@pytest.fixture(scope="session")
def exported(
    checkpoint: Path, config: EspdlConfig, tmp_path_factory: pytest.TempPathFactory, esp_ppq: None
) -> Exported:
    torch.set_num_threads(1)
    prepared, spec = open_source(checkpoint, config)
    return export_espdl(prepared, spec, tmp_path_factory.mktemp("espdl") / "tiny.espdl", config, lambda _: None)


def conv_model(
    shape: tuple[int, ...], relu: bool = True, bias: bool = True, size: int = 4, seed: int = 0, group: int = 1
) -> onnx.ModelProto:
    """One convolution ``/wide/conv/Conv`` with weights of a shape (O, I, k, k) on maps of ``size``.

    The weights are small whole numbers, whose sums are exact in any order.
    """
    rng = np.random.default_rng(seed)
    weights = {"w": rng.integers(-9, 9, shape).astype(np.float32)}
    weights |= {"b": rng.integers(-9, 9, shape[0]).astype(np.float32)} if bias else {}
    out = "y0" if relu else "y"
    nodes = [helper.make_node("Conv", ["x", *weights], [out], "/wide/conv/Conv", kernel_shape=shape[2:], group=group)]
    nodes += [helper.make_node("Relu", ["y0"], ["y"], "/wide/act/Relu")] if relu else []
    spatial = size - shape[2] + 1
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, shape[1] * group, size, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, shape[0], spatial, spatial])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
