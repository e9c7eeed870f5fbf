"""Which nodes of a graph are the network, and which only prepare its input or read its output."""

from __future__ import annotations

import onnx

# Put in front of a network by uhd.export.onnx.prelude.
_PRELUDE = ("/input_resize", "/input_norm")
_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# What else inside a network is run on eight bits; norms and softmax stay float.
_BETWEEN = ("Relu", "Clip", "Sigmoid", "Add", "Mul", "Concat", "MaxPool", "AveragePool", "GlobalAveragePool", "Resize")


def layers_of(graph: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes with weights, in order."""
    constants = {tensor.name for tensor in graph.graph.initializer}
    # Weights of a file that is on eight bits already.
    constants |= {
        output
        for node in graph.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
        for output in node.output
    }
    return [node.name for node in graph.graph.node if node.op_type in _LAYERS and constants.intersection(node.input)]


def body_of(graph: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes that eight bits may run: every layer, and what lies on the way to one.

    What follows the last layers is the decoding of boxes and scores, which stays float.
    """
    layers, needed = set(layers_of(graph)), needed_by_layers(graph)
    return [
        node.name
        for node in graph.graph.node
        if node.op_type in _LAYERS + _BETWEEN
        and (node.name in layers or needed.intersection(node.output))
        and not node.name.startswith(_PRELUDE)
    ]


def needed_by_layers(graph: onnx.ModelProto) -> set[str]:
    """Return the tensors from which a path leads to a layer."""
    layers, needed = set(layers_of(graph)), set[str]()
    for node in reversed(graph.graph.node):
        if node.name in layers or needed.intersection(node.output):
            needed.update(node.input)
    return needed
