"""What an exported graph does to its input before the network: reduce a frame of any size, normalise bytes.

The steps are put in front of a finished graph, so the names of its nodes do not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from uhd.resize import input_channels, is_point_sampling

_NAME = "/input_resize"


class Prelude:
    """Nodes in front of the only input of a graph; each step takes what the one before it gives.

    Args:
        graph: changed by :meth:`insert`.
    """

    def __init__(self, graph: onnx.ModelProto) -> None:
        self.graph = graph
        self.input = graph.graph.input[0].name
        self.last = self.input
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, name: str, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        self.nodes.append(helper.make_node(kind, list(inputs), [f"{name}_output"], name, **attributes))
        return f"{name}_output"

    def constant(self, name: str, value: Any, kind: Any) -> str:
        """Add an initialiser; returns its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def insert(self, shape: list[int | str], uint8: bool) -> None:
        """Put the steps in front of the graph, whose input now has this shape and type."""
        graph = self.graph.graph
        for node in graph.node:
            node.input[:] = [self.last if name == self.input else name for name in node.input]
        rest = list(graph.node)
        del graph.node[:]
        graph.node.extend([*self.nodes, *rest])
        graph.initializer.extend(self.constants)
        kind = TensorProto.UINT8 if uint8 else TensorProto.FLOAT
        graph.input[0].CopyFrom(helper.make_tensor_value_info(self.input, kind, shape))


def resize_inside(prelude: Prelude, size: tuple[int, int], mode: str, uint8: bool) -> None:
    """Reduce (B, C, H, W) of any size to (B, C, *size), as ``uhd.resize`` does for the mode.

    Point sampling gathers rows and columns whose numbers are computed with the arithmetic of the library that the mode
    names, so they are exact at every size. Of packed YUV (Y in channel 0; U in the even, V in the odd columns of
    channel 1) luma is gathered pixel by pixel, and chroma by whole pairs, so that U never comes into a column of V.
    """
    if not is_point_sampling(mode):
        _linear(prelude, size, uint8)
        return
    library = "torch" if mode.startswith("torch") else "cv2"
    prelude.op(f"{_NAME}/Shape", "Shape", prelude.last)
    rows, columns = (_indices(prelude, axis, length, library) for axis, length in ((2, size[0]), (3, size[1])))
    tall = prelude.op(f"{_NAME}/rows/Gather", "Gather", prelude.last, rows, axis=2)
    if input_channels(mode) != 2:
        prelude.last = prelude.op(f"{_NAME}/columns/Gather", "Gather", tall, columns, axis=3)
        return
    luma = prelude.op(f"{_NAME}/luma/Gather", "Gather", tall, prelude.constant(f"{_NAME}/luma", [0], np.int64), axis=1)
    chroma = prelude.op(
        f"{_NAME}/chroma/Gather", "Gather", tall, prelude.constant(f"{_NAME}/chroma", [1], np.int64), axis=1
    )
    luma = prelude.op(f"{_NAME}/luma/columns/Gather", "Gather", luma, columns, axis=3)
    chroma = prelude.op(f"{_NAME}/chroma/columns/Gather", "Gather", chroma, _pairs(prelude, columns, size[1]), axis=3)
    prelude.last = prelude.op(f"{_NAME}/Concat", "Concat", luma, chroma, axis=1)


def _indices(prelude: Prelude, axis: int, count: int, library: str) -> str:
    """Add ``min(floor(i * n / count), n - 1)`` for i = 0 ... count - 1 as the library rounds it; see sample_indices."""
    name = f"{_NAME}/{'rows' if axis == 2 else 'columns'}"
    kind, number = (TensorProto.FLOAT, np.float32) if library == "torch" else (TensorProto.DOUBLE, np.float64)
    length = prelude.op(
        f"{name}/n", "Gather", f"{_NAME}/Shape_output", prelude.constant(f"{name}/axis", [axis], np.int64)
    )
    real = prelude.op(f"{name}/Cast", "Cast", length, to=kind)
    out = prelude.constant(f"{name}/count", [count], number)
    if library == "torch":
        scale = prelude.op(f"{name}/Div", "Div", real, out)
    else:
        # Not n / count: OpenCV divides twice, and the roundings differ at some sizes. The 1 is n / n, since onnxruntime
        # turns a product with 1 / x into a division by x, which is rounded once less.
        one = prelude.op(f"{name}/one/Div", "Div", real, real)
        scale = prelude.op(f"{name}/Div_1", "Div", one, prelude.op(f"{name}/Div", "Div", out, real))
    steps = prelude.constant(f"{name}/steps", np.arange(count), number)
    place = prelude.op(f"{name}/Floor", "Floor", prelude.op(f"{name}/Mul", "Mul", steps, scale))
    whole = prelude.op(f"{name}/Cast_1", "Cast", place, to=TensorProto.INT64)
    last = prelude.op(f"{name}/Sub", "Sub", length, prelude.constant(f"{name}/minus", [1], np.int64))
    return prelude.op(f"{name}/Min", "Min", whole, last)


def _pairs(prelude: Prelude, columns: str, count: int) -> str:
    """Add the column of the U or V beside the left pixel of each pair: ``2 * (columns[x - x % 2] // 2) + x % 2``."""
    x = np.arange(count)
    name = f"{_NAME}/pairs"
    left = prelude.op(
        f"{name}/Gather", "Gather", columns, prelude.constant(f"{name}/left", x - x % 2, np.int64), axis=0
    )
    two = prelude.constant(f"{name}/two", [2], np.int64)
    even = prelude.op(f"{name}/Mul", "Mul", prelude.op(f"{name}/Div", "Div", left, two), two)
    return prelude.op(f"{name}/Add", "Add", even, prelude.constant(f"{name}/side", x % 2, np.int64))


def _linear(prelude: Prelude, size: tuple[int, int], uint8: bool) -> None:
    if uint8:
        prelude.last = prelude.op(f"{_NAME}/Cast", "Cast", prelude.last, to=TensorProto.FLOAT)
    lead = prelude.op(
        f"{_NAME}/Slice", "Slice", prelude.op(f"{_NAME}/Shape", "Shape", prelude.last),
        prelude.constant(f"{_NAME}/first", [0], np.int64), prelude.constant(f"{_NAME}/end", [2], np.int64),
    )  # fmt: skip
    sizes = prelude.op(f"{_NAME}/Concat", "Concat", lead, prelude.constant(f"{_NAME}/size", size, np.int64), axis=0)
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    prelude.last = prelude.op(f"{_NAME}/Resize", "Resize", prelude.last, "", "", sizes, **how)
    if uint8:
        # OpenCV gives whole levels.
        prelude.last = prelude.op(f"{_NAME}/Round", "Round", prelude.last)


def normalise_inside(prelude: Prelude, mode: str, is_float: bool) -> None:
    """Turn bytes into the network's input, as ``uhd.resize.to_network`` does: divide by 255, and luma to its levels."""
    if not is_float:
        prelude.last = prelude.op("/input_norm/Cast", "Cast", prelude.last, to=TensorProto.FLOAT)
    y = prelude.op("/input_norm/Div", "Div", prelude.last, prelude.constant("/input_norm/range", 255, np.float32))
    levels = {"_y_bin": (0.5,), "_y_tri": (1 / 3, 2 / 3)}.get(mode[mode.rfind("_y") :], ())
    steps = []
    for i, level in enumerate(levels):
        above = prelude.op(
            f"/input_norm/level{i}/GreaterOrEqual", "GreaterOrEqual", y,
            prelude.constant(f"/input_norm/level{i}/value", level, np.float32),
        )  # fmt: skip
        steps.append(prelude.op(f"/input_norm/level{i}/Cast", "Cast", above, to=TensorProto.FLOAT))
    if len(steps) == 2:
        both = prelude.op("/input_norm/Add", "Add", *steps)
        y = prelude.op("/input_norm/Mul", "Mul", both, prelude.constant("/input_norm/half", 0.5, np.float32))
    prelude.last = steps[0] if len(steps) == 1 else y
