"""Cut a wide 1x1 convolution into groups of output channels whose weights stay in the cache.

ESP-DL computes all output channels of a pixel before it goes on to the next one, so weights that do not fit are read
again from PSRAM for every pixel.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

import numpy as np
import onnx
from onnx import helper, numpy_helper

LANES = 16  # int8 values of a vector register: groups are a multiple, so that none is wasted


def split_wide_convs(
    model: onnx.ModelProto, limit_bytes: int = 48 * 1024, int16: AbstractSet[str] = frozenset(), weight_bytes: int = 1
) -> dict[str, int]:
    """Rewrite the graph in place: each part is convolved and activated on its own, then the parts are joined.

    Output channel c depends on row c of the weights only, so the float result is the same to the bit, unless a runtime
    sums in another order for another number of channels (as onnxruntime does in its blocked layout, by some 1e-6).

    Args:
        model: the graph.
        limit_bytes: most bytes of weights in one part.
        int16: nodes whose weights take two bytes.
        weight_bytes: of the other nodes.

    Returns:
        number of parts by name of the convolution that was cut.
    """
    graph = model.graph
    values = {tensor.name: tensor for tensor in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {output.name for output in graph.output}
    cut: dict[str, int] = {}
    nodes: list[onnx.NodeProto] = []
    joined: set[str] = set()
    for node in graph.node:
        if node.name in joined:
            continue
        weight = values.get(node.input[1]) if node.op_type == "Conv" else None
        if weight is None or not _wide(node, list(weight.dims)):
            nodes.append(node)
            continue
        per_channel = int(weight.dims[1]) * (2 if node.name in int16 else weight_bytes)
        parts = _parts(int(weight.dims[0]), max(1, limit_bytes // per_channel))
        if len(parts) < 2:
            nodes.append(node)
            continue
        after = readers.get(node.output[0], [])
        fused = len(after) == 1 and after[0].op_type == "Relu" and node.output[0] not in outputs
        nodes += _rewrite(node, after[0] if fused else None, parts, graph)
        joined |= {after[0].name} if fused else set()
        cut[node.name] = len(parts)
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(graph)
    return cut


def parts_of(nodes: AbstractSet[str], model: onnx.ModelProto) -> frozenset[str]:
    """Return the names of these nodes in a graph that was cut: a part or a join stands for the node it came from."""
    names = [node.name for node in model.graph.node]
    return frozenset(name for name in names if uncut(name) in nodes)


def uncut(name: str) -> str:
    """Return the name of the node that a part or a join stands for; other names are as they were."""
    return re.sub(r"/(part\d+|join)$", "", name)


def _wide(node: onnx.NodeProto, shape: list[int]) -> bool:
    groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
    return len(shape) == 4 and shape[2:] == [1, 1] and groups == 1


def _parts(channels: int, most: int) -> list[slice]:
    """Cut into parts of nearly equal size, each at most ``most`` channels and a multiple of the vector width."""
    count = -(-channels // most)
    size = -(-channels // count)
    if most >= LANES:
        size = min(-(-size // LANES) * LANES, most // LANES * LANES)
    return [slice(start, min(start + size, channels)) for start in range(0, channels, size)]


def _rewrite(
    conv: onnx.NodeProto, relu: onnx.NodeProto | None, parts: list[slice], graph: onnx.GraphProto
) -> list[onnx.NodeProto]:
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name in conv.input}
    nodes: list[onnx.NodeProto] = []
    ends: list[str] = []
    for index, part in enumerate(parts):
        inputs = [conv.input[0]]
        for name in conv.input[1:]:
            # Named after the convolution too: a simplifier lets layers share equal tensors, each cut in its own way.
            inputs.append(f"{name}{conv.name}/part{index}")
            graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values[name][part]), inputs[-1]))
        ends.append(f"{conv.output[0]}/part{index}")
        piece = helper.make_node("Conv", inputs, [ends[-1]], f"{conv.name}/part{index}")
        piece.attribute.extend(conv.attribute)
        nodes.append(piece)
        if relu is not None:
            activated = f"{relu.output[0]}/part{index}"
            nodes.append(helper.make_node("Relu", [ends[-1]], [activated], f"{relu.name}/part{index}"))
            ends[-1] = activated
    end = relu if relu is not None else conv
    return [*nodes, helper.make_node("Concat", ends, [end.output[0]], f"{end.name}/join", axis=1)]


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
