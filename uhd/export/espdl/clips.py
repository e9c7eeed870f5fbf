"""Clips that storing the result does anyhow, turned into what the chip computes together with a convolution.

ESP-DL runs a Relu with the convolution before it and a Clip as a layer of its own, over the whole map.
"""

from __future__ import annotations

from typing import Any

import onnx


def leave_out_clips(graph: Any, model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn every Clip that rounding does anyhow into a Relu, in place; the chip computes that with the convolution.

    Args:
        graph: of esp-ppq, calibrated.
        model: the float graph with the same names.

    Returns:
        a copy of the float graph with the same nodes changed; only the quantised one computes what it did.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for node in changed.graph.node:
        operation = graph.operations.get(node.name)
        if node.op_type != "Clip" or operation is None or not hasattr(operation, "config"):
            continue
        stored = operation.config.output_quantization_config[0]
        low, high = (float(each.value) for each in operation.inputs[1:])
        if low != 0 or stored.quant_max * float(stored.scale.max()) > high:
            continue
        for variable in list(operation.inputs[1:]):
            variable.dest_ops.remove(operation)  # another Clip may read the same end
            operation.inputs.remove(variable)
            if not variable.dest_ops:
                graph.remove_variable(variable)
        del operation.config.input_quantization_config[1:]
        operation.type = node.op_type = "Relu"
        del node.input[1:]
    used = {name for node in changed.graph.node for name in node.input}
    for tensor in [each for each in changed.graph.initializer if each.name not in used]:
        changed.graph.initializer.remove(tensor)
    return changed
