"""Small changes to an exported graph: names, leftover batch-norm, constant outputs."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper


def name_depthwise(graph: onnx.ModelProto) -> None:
    """Prefix depthwise convolutions with ``/depthwiseconv``, the name that int16 patterns look for."""
    weights = {tensor.name: list(tensor.dims) for tensor in graph.graph.initializer}
    for node in graph.graph.node:
        if node.op_type != "Conv" or node.name.startswith("/depthwiseconv"):
            continue
        groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
        if groups > 1 and weights.get(node.input[1], [0, 0])[1] == 1:
            node.name = f"/depthwiseconv{node.name}"


def decompose_batchnorm(graph: onnx.ModelProto) -> int:
    """Replace each batch-norm that no convolution could absorb by Mul and Add; returns how many there were."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    count = 0
    for node in graph.graph.node:
        if node.op_type != "BatchNormalization":
            nodes.append(node)
            continue
        eps = next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), 1e-5)
        gamma, beta, mean, variance = (values[name].astype(np.float64) for name in node.input[1:5])
        scale = gamma / np.sqrt(variance + eps)
        parts = {"scale": scale, "shift": beta - mean * scale}
        for part, value in parts.items():
            tensor = value.astype(np.float32).reshape(1, -1, 1, 1)
            graph.graph.initializer.append(numpy_helper.from_array(tensor, f"{node.name}/{part}"))
        middle = f"{node.output[0]}/scaled"
        nodes += [
            onnx.helper.make_node("Mul", [node.input[0], f"{node.name}/scale"], [middle], f"{node.name}/Mul"),
            onnx.helper.make_node("Add", [middle, f"{node.name}/shift"], [node.output[0]], f"{node.name}/Add"),
        ]
        count += 1
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    _drop_unused(graph)
    return count


def add_constant_output(graph: onnx.ModelProto, name: str, value: NDArray[np.float32]) -> None:
    """Add a tensor as an initialiser that is also an output, where decoders and quantisers look for it."""
    graph.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
    graph.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, value.shape))


def _drop_unused(graph: onnx.ModelProto) -> None:
    used = {name for node in graph.graph.node for name in node.input} | {output.name for output in graph.graph.output}
    kept = [tensor for tensor in graph.graph.initializer if tensor.name in used]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)
