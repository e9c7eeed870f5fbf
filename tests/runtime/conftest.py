"""Tiny ONNX files made by hand, so that the runtime is tested without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from uhd.card import ModelSpec
from uhd.heads import HeadLayout
from uhd.runtime.predictor import Prediction, Predictor

ROWS = np.array(
    [[0.9, 0, 0.5, 0.5, 0.5, 0.25], [0.8, 0, 0.5, 0.5, 0.5, 0.26], [0.4, 0, 0.95, 0.1, 0.3, 0.1]], np.float32
)  # fmt: skip


class FixedPredictor(Predictor):
    """Finds the same boxes in every image and remembers what it was fed."""

    def __init__(self, boxes: np.ndarray, scores: np.ndarray, spec: ModelSpec) -> None:
        self.boxes, self.scores, self.spec = boxes, scores, spec
        self.fed: list[np.ndarray] = []

    def infer(self, batch: np.ndarray) -> list[Prediction]:
        self.fed.append(batch)
        return [(self.boxes, self.scores)] * len(batch)


@pytest.fixture
def predictor() -> FixedPredictor:
    half = ROWS[:, 4:] / 2
    boxes = np.concatenate([ROWS[:, 2:4] - half, ROWS[:, 2:4] + half], 1)
    return FixedPredictor(boxes, ROWS[:, :1], ModelSpec((32, 48), conf_thresh=0.5))


def write_constant_model(
    path: Path,
    outputs: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None = None,
    shape: Sequence[int | str] = (1, 3, 64, 64),
    constants: Sequence[str] = ("anchors", "wh_scale"),
    input_name: str = "x",
) -> Path:
    """Write a model with the outputs given (without the batch axis), each plus the mean of the image times zero."""
    nodes, values, infos = [], [], []
    nodes.append(helper.make_node("ReduceMean", [input_name], ["mean"], axes=[1, 2, 3], keepdims=1))
    values.append(numpy_helper.from_array(np.zeros(1, np.float32), "zero"))
    nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
    for name, value in outputs.items():
        if name in constants:
            values.append(numpy_helper.from_array(value.astype(np.float32), name))
            infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
            continue
        values.append(numpy_helper.from_array(value[None].astype(np.float32), f"{name}_value"))
        flat = f"{name}_shift"
        values.append(numpy_helper.from_array(np.array([-1] + [1] * value.ndim), f"{name}_shape"))
        nodes.append(helper.make_node("Reshape", ["nothing", f"{name}_shape"], [flat]))
        nodes.append(helper.make_node("Add", [flat, f"{name}_value"], [name]))
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [shape[0], *value.shape]))
    feed = helper.make_tensor_value_info(input_name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "g", [feed], infos, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, str(path))
    return path


def some_layout(num_classes: int = 2, has_quality: bool = True, mode: str = "quality_cls") -> HeadLayout:
    anchors = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], np.float32)
    scale = np.array([[1.1, 0.9], [1, 1], [0.8, 1.2]], np.float32)
    return HeadLayout(anchors, scale, num_classes, has_quality, mode)
