"""The programs that are installed beside this package read our files."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch

from uhd.model_file import model_file
from uhd.models.predictor import spec_of
from uhd.models.weights import load_model
from uhd.runtime.raw_output import raw_map, read_layout

from .conftest import FORMS, ROOT, largest_difference, run_program, this_python

WEIGHTS = sorted((ROOT / "uhd" / "weights").rglob("*.onnx"))
# Older ones load neither these files nor the original's.
OPENCV = tuple(int(part) for part in cv2.__version__.split(".")[:2])


@pytest.mark.skipif(OPENCV < (4, 11), reason="OpenCV reads such files from 4.11 on")
def test_opencv(shipped: Path) -> None:
    said = run_program(this_python(), "opencv", shipped)
    assert set(said["refused"]) <= ({"nms"} if OPENCV < (5, 0) else set())
    for form in set(FORMS) - set(said["refused"]):
        assert largest_difference(shipped, form) < 1e-4, form


def test_onnxruntime_alone(shipped: Path) -> None:
    assert run_program(this_python(), "onnx_runtime", shipped)["refused"] == {}
    assert all(largest_difference(shipped, form) < 1e-6 for form in FORMS)


@pytest.mark.parametrize("path", WEIGHTS, ids=[path.stem for path in WEIGHTS])
def test_no_row_is_picked_with_tile(path: Path) -> None:
    """OpenCV 4.11 to 4.13 compute ``Tile`` behind ``TopK`` wrongly, without an error."""
    assert "Tile" not in {node.op_type for node in onnx.load(path).graph.node}


@pytest.mark.parametrize("form", ["merged", "dynamic_batch", "nms"])
def test_no_row_of_a_new_file_is_picked_with_tile(form: str, shipped: Path) -> None:
    assert "Tile" not in {node.op_type for node in onnx.load(shipped / f"{form}.onnx").graph.node}


@pytest.mark.slow
def test_litert_alone(shipped: Path, tmp_path: Path) -> None:
    pytest.importorskip("litert_torch")
    from uhd.export.litert.config import LitertConfig
    from uhd.export.litert.export import export_litert

    network, meta = load_model(model_file("small", (".safetensors",)))
    shutil.copy(shipped / "images.npy", tmp_path)
    export_litert(network, tmp_path / "m.tflite", spec_of(meta), LitertConfig(kinds=("float32",)))
    run_program(this_python(), "lite_rt", tmp_path)
    with np.load(tmp_path / "m.found.npz") as found:
        for i, image in enumerate(np.load(tmp_path / "images.npy")):
            with torch.inference_mode():
                right = network(torch.from_numpy(image[None])).numpy()
            layout = network.layout()
            parts = {name: found[f"{name}.{i}"] for name in ("box", "quality", "cls")}
            parts |= {"anchors": layout.anchors, "wh_scale": layout.wh_scale}
            answer = raw_map(parts, read_layout(parts, {}))
            channels = [c for c in range(right.shape[1]) if c % layout.channels_per_anchor != 4]
            assert np.abs(answer[:, channels] - right[:, channels]).max() < 1e-3
