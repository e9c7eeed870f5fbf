"""A graph of MoveNet's form that gives the same answer to every crop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_teacher(path: Path, answer: np.ndarray, side: int = 32) -> Path:
    """Write a model that finds (17, 3) y, x and score, normalised, in any square crop."""
    nodes = [
        helper.make_node("Cast", ["picture"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "answer"], ["poses"]),
    ]
    constants = {"zero": np.zeros(1, np.float32), "answer": answer.reshape(1, 1, 17, 3).astype(np.float32)}
    graph = helper.make_graph(
        nodes, "poses",
        [helper.make_tensor_value_info("picture", TensorProto.INT32, (1, side, side, 3))],
        [helper.make_tensor_value_info("poses", TensorProto.FLOAT, (1, 1, 17, 3))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path
