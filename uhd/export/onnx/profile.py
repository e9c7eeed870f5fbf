"""Parameters and work of an ONNX file, operator by operator."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

import onnx
from onnx import numpy_helper, shape_inference

from uhd.errors import UserError
from uhd.export.half_weights import restore_full

_ELEMENTWISE = frozenset(
    [
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "Sqrt",
        "Exp",
        "Log",
        "Relu",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Tanh",
        "Softplus",
        "Softmax",
        "Clip",
        "Neg",
        "Min",
        "Max",
        "BatchNormalization",
        "Floor",
        "Abs",
        "Erf",
        "LayerNormalization",
    ]
)


@dataclass(frozen=True)
class NodeCost:
    """One operator.

    Attributes:
        name, op: as in the file.
        output: shape of its first output; empty where it is not known.
        params: elements of the constants that it is the first to use.
        flops: 2 x multiply-adds with bias, one per element of element-wise work, one per element of a pooling window.
    """

    name: str
    op: str
    output: tuple[int, ...]
    params: int
    flops: int


def profile_onnx(path: Path, input_shape: tuple[int, ...] | None = None) -> tuple[NodeCost, ...]:
    """Count every operator of a file, in order of execution.

    Args:
        path: ``.onnx`` file.
        input_shape: replaces the shape of the first input, for files with free axes.

    Raises:
        UserError: the file cannot be read, or the shape does not fit it.
    """
    try:
        model = onnx.load(str(path))
    except Exception as error:  # noqa: BLE001  the parser raises whatever the damaged bytes lead it to
        raise UserError(f"{path}: not a readable ONNX file ({' '.join(str(error).split())[:100]})") from None
    restore_full(model)
    if input_shape is not None:
        axes = model.graph.input[0].type.tensor_type.shape.dim
        if len(axes) != len(input_shape):
            raise UserError(f"--input-shape has {len(input_shape)} numbers, the input of {path} {len(axes)}")
        for axis, length in zip(axes, input_shape, strict=True):
            axis.dim_value = length
        for each in [*model.graph.output, *model.graph.value_info]:
            each.type.tensor_type.ClearField("shape")
    try:
        graph = shape_inference.infer_shapes(model, data_prop=True).graph
    except onnx.shape_inference.InferenceError as error:
        raise UserError(f"{path}: the shapes do not fit together ({' '.join(str(error).split())[:100]})") from None
    constants = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            if value is not None:
                constants[node.output[0]] = tuple(numpy_helper.to_array(value).shape)
    shapes = constants | {
        each.name: tuple(axis.dim_value for axis in each.type.tensor_type.shape.dim)
        for each in [*graph.input, *graph.value_info, *graph.output]
    }
    counted: set[str] = set()
    rows = []
    for node in graph.node:
        if node.op_type == "Constant":
            continue
        own = [name for name in node.input if name in constants and name not in counted]
        counted.update(own)
        output = shapes.get(node.output[0], ())
        params = sum(prod(constants[name]) for name in own if _is_weight(graph, name))
        rows.append(NodeCost(node.name, node.op_type, output, params, _flops(node, shapes, output)))
    return tuple(rows)


def _is_weight(graph: onnx.GraphProto, name: str) -> bool:
    kind = next((tensor.data_type for tensor in graph.initializer if tensor.name == name), onnx.TensorProto.FLOAT)
    return kind in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8, onnx.TensorProto.UINT8)


def _flops(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]], output: tuple[int, ...]) -> int:
    elements = prod(output) if output else 0
    if node.op_type == "Conv":
        kernel = prod(shapes[node.input[1]][1:])
        return elements * (2 * kernel + (len(node.input) > 2))
    if node.op_type in ("MatMul", "Gemm"):
        left = shapes.get(node.input[0], ())
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        inner = (left[0] if transposed else left[-1]) if left else 0
        return elements * (2 * inner + (len(node.input) > 2))
    if node.op_type in ("MaxPool", "AveragePool"):
        return elements * next(prod(map(int, a.ints)) for a in node.attribute if a.name == "kernel_shape")
    if node.op_type in ("GlobalAveragePool", "ReduceMean"):
        return prod(shapes.get(node.input[0], (0,)))
    return elements if node.op_type in _ELEMENTWISE else 0


def to_text(rows: tuple[NodeCost, ...], per_op: bool = True) -> str:
    """Return a table for a terminal; ``per_op`` adds one line per operator."""
    lines = []
    if per_op:
        width = max((len(row.name) for row in rows), default=4)
        lines.append(f"{'operator':<{width}}  {'kind':<18} {'output':>16} {'params':>9} {'FLOPs':>12}")
        for row in rows:
            shape = "x".join(map(str, row.output)) or "?"
            lines.append(f"{row.name:<{width}}  {row.op:<18} {shape:>16} {row.params:>9,} {row.flops:>12,}")
        lines.append("")
    lines.append(f"parameters  {sum(row.params for row in rows):,}")
    lines.append(f"FLOPs       {sum(row.flops for row in rows):,} (2 x multiply-adds, plus element-wise work)")
    return "\n".join(lines)
