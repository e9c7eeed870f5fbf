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
        if not clipped_by_storing(operation):
            continue
        take_ends(graph, operation)
        operation.type = node.op_type = "Relu"
        del node.input[1:]
    used = {name for node in changed.graph.node for name in node.input}
    for tensor in [each for each in changed.graph.initializer if each.name not in used]:
        changed.graph.initializer.remove(tensor)
    return changed


def clipped_by_storing(clip: Any) -> bool:
    """Return whether a calibrated Clip of esp-ppq's graph cuts at 0 and at what the last code cannot exceed."""
    stored = clip.config.output_quantization_config[0]
    low, high = (float(each.value) for each in clip.inputs[1:])
    return low == 0 and stored.quant_max * float(stored.scale.max()) <= high


def take_ends(graph: Any, operation: Any) -> None:
    """Take the ends of a Clip out of esp-ppq's graph, in place; a Relu has none."""
    for variable in list(operation.inputs[1:]):
        variable.dest_ops.remove(operation)  # another Clip may read the same end
        operation.inputs.remove(variable)
        if not variable.dest_ops:
            graph.remove_variable(variable)
    del operation.config.input_quantization_config[1:]
