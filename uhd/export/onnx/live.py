"""How much memory the activations of a graph take while each operator runs, its operators in the order of the file."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import onnx


def live_bytes(graph: onnx.GraphProto, shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
    """Return, per operator, the bytes of all tensors that it or a later one still needs, its outputs among them.

    A runtime that frees a tensor after its last use, and computes nothing in place, needs the largest of them.

    Args:
        graph: operators in order; tensors whose shape is not known count as nothing.
        shapes: of the tensors, by name.
    """
    types = {each.name: each.type.tensor_type.elem_type for each in [*graph.input, *graph.value_info, *graph.output]}
    constant = {tensor.name for tensor in graph.initializer}
    born = {each.name: -1 for each in graph.input if each.name not in constant}
    last = dict(born)
    for i, node in enumerate(graph.node):
        for name in node.input:
            if name in born:
                last[name] = i
        if node.op_type != "Constant":
            born |= dict.fromkeys(filter(None, node.output), i)
            last |= dict.fromkeys(filter(None, node.output), i)
    last |= {each.name: len(graph.node) for each in graph.output if each.name in born}
    change = [0] * (len(graph.node) + 2)
    for name, start in born.items():
        size = prod(shapes[name]) * _width(types.get(name, 0)) if shapes.get(name) else 0
        change[max(start, 0)] += size
        change[last[name] + 1] -= size
    total, found = 0, []
    for each in change[: len(graph.node)]:
        total += each
        found.append(total)
    return found


def _width(kind: int) -> int:
    return int(onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize) if kind else 4
