"""Nodes of a graph whose inputs are all constants: what they compute is a constant too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from uhd.errors import UserError

Constant = NDArray[Any]


def fold(node: onnx.NodeProto, attributes: dict[str, Any], constants: Mapping[str, Constant]) -> Constant:
    """Return the value of a node.

    Raises:
        UserError: an operator that constants are not expected to go through.
    """
    if node.op_type == "Constant":
        return np.asarray(numpy_helper.to_array(attributes["value"]))
    values = [constants[name] for name in node.input if name]
    if node.op_type not in _FOLDED:
        raise UserError(f"{node.name}: operator {node.op_type} of constants cannot be written as C")
    return np.asarray(_FOLDED[node.op_type](values, attributes))


_FOLDED: dict[str, Callable[[list[Constant], dict[str, Any]], Constant]] = {
    "Sigmoid": lambda values, _: 1 / (1 + np.exp(-values[0])),
    "Mul": lambda values, _: values[0] * values[1],
    "Add": lambda values, _: values[0] + values[1],
    "Identity": lambda values, _: values[0],
    "Concat": lambda values, attributes: np.concatenate(values, attributes["axis"]),
    "Unsqueeze": lambda values, _: np.expand_dims(values[0], tuple(int(axis) for axis in values[1])),
    "Reshape": lambda values, _: values[0].reshape(values[1]),
    "Cast": lambda values, attributes: values[0].astype(onnx.helper.tensor_dtype_to_np_dtype(attributes["to"])),
}
