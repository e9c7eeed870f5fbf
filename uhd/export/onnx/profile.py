"""Parameters and work of an ONNX file, operator by operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import onnx
from onnx import numpy_helper, shape_inference

from uhd.errors import UserError
from uhd.export.half_weights import restore_full
from uhd.export.onnx.live import live_bytes

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
        macs: multiply-adds of convolutions and matrices.
        live: bytes of activations that are needed while it runs; see :mod:`uhd.export.onnx.live`.
    """

    name: str
    op: str
    output: tuple[int, ...]
    params: int
    flops: int
    macs: int = 0
    live: int = 0


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
    for node, live in zip(graph.node, live_bytes(graph, shapes), strict=True):
        if node.op_type == "Constant":
            continue
        own = [name for name in node.input if name in constants and name not in counted]
        counted.update(own)
        output = shapes.get(node.output[0], ())
        params = sum(prod(constants[name]) for name in own if _is_weight(graph, name))
        macs = _macs(node, shapes, output)
        rows.append(NodeCost(node.name, node.op_type, output, params, _flops(node, shapes, output, macs), macs, live))
    return tuple(rows)


def _is_weight(graph: onnx.GraphProto, name: str) -> bool:
    kind = next((tensor.data_type for tensor in graph.initializer if tensor.name == name), onnx.TensorProto.FLOAT)
    return kind in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8, onnx.TensorProto.UINT8)


def opset_of(path: Path) -> int:
    """Return the version of ONNX's own operators that a readable file asks for."""
    model = onnx.load(str(path), load_external_data=False)
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def _macs(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]], output: tuple[int, ...]) -> int:
    elements = prod(output) if output else 0
    if node.op_type == "Conv":
        return elements * prod(shapes[node.input[1]][1:])
    if node.op_type in ("MatMul", "Gemm"):
        left = shapes.get(node.input[0], ())
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return elements * ((left[0] if transposed else left[-1]) if left else 0)
    return 0


def _flops(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]], output: tuple[int, ...], macs: int) -> int:
    elements = prod(output) if output else 0
    if node.op_type in ("Conv", "MatMul", "Gemm"):
        return 2 * macs + elements * (len(node.input) > 2)
    if node.op_type in ("MaxPool", "AveragePool"):
        return elements * next(prod(map(int, a.ints)) for a in node.attribute if a.name == "kernel_shape")
    if node.op_type in ("GlobalAveragePool", "ReduceMean"):
        return prod(shapes.get(node.input[0], (0,)))
    return elements if node.op_type in _ELEMENTWISE else 0


def to_text(
    rows: tuple[NodeCost, ...],
    per_op: bool = True,
    opset: int | None = None,
    milliseconds: Mapping[str, float] | None = None,
) -> str:
    """Return a table for a terminal.

    Args:
        rows: operators.
        per_op: one line per operator.
        opset: of the file, said where it is given.
        milliseconds: per run, by the name of the operator.
    """
    lines = []
    times = milliseconds or {}
    if per_op:
        width = max((len(row.name) for row in rows), default=4)
        head = f"{'operator':<{width}}  {'kind':<18} {'output':>16} {'params':>9} {'MACs':>11} {'FLOPs':>12}"
        lines.append(f"{head} {'live bytes':>11}" + (f" {'ms':>8}" if times else ""))
        for row in rows:
            shape = "x".join(map(str, row.output)) or "?"
            time = f" {times[row.name]:>8.4f}" if row.name in times else ""
            lines.append(
                f"{row.name:<{width}}  {row.op:<18} {shape:>16} {row.params:>9,} {row.macs:>11,} {row.flops:>12,} "
                f"{row.live:>11,}{time}"
            )
        lines.append("")
    kinds = Counter(row.op for row in rows).most_common()
    lines.append(f"operators          {len(rows)}: " + ", ".join(f"{count} {op}" for op, count in kinds))
    lines += [] if opset is None else [f"opset              {opset}"]
    lines.append(f"parameters         {sum(row.params for row in rows):,}")
    lines.append(f"multiply-adds      {sum(row.macs for row in rows):,}")
    lines.append(f"FLOPs              {sum(row.flops for row in rows):,} (2 x multiply-adds, plus element-wise work)")
    peak = max((row.live for row in rows), default=0)
    lines.append(f"activation memory  {peak:,} bytes, where each is freed after its last use")
    if times:
        lines.append(f"time               {sum(times.values()):.3f} ms on one thread, of operators alone")
    return "\n".join(lines)
