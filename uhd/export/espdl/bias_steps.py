"""Steps of weights wide enough for the bias.

A bias is stored in steps of the input's times the weights', in as many bits as the chip adds up in. Where every channel
has a step of its own (P4), one whose weights are next to nothing has a step so small that its bias would be cut.
"""

from __future__ import annotations

from typing import Any

import torch

_SPARE = 4  # bits, for the fit, which may halve a step twice and moves biases, and for the products


def widen_steps(graph: Any) -> frozenset[str]:
    """Raise the steps of channels whose biases do not fit, in place; their weights are too small to notice.

    Args:
        graph: of esp-ppq, calibrated, with weights that are not rounded yet.

    Returns:
        names of the convolutions that were changed.
    """
    changed = set()
    for layer in graph.operations.values():
        if layer.type != "Conv" or layer.num_of_parameter < 2 or not hasattr(layer, "config"):
            continue
        read, weights, bias = layer.config.input_quantization_config
        if read.scale is None or weights.scale is None or weights.scale.numel() == 1:
            continue
        most = 2.0 ** (bias.num_of_bits - 1 - _SPARE)
        least = layer.inputs[2].value.abs().reshape(weights.scale.shape) / (read.scale * most)
        steps = torch.maximum(weights.scale, torch.exp2(torch.ceil(torch.log2(least))).to(weights.scale))
        if not torch.equal(steps, weights.scale):
            weights.scale = steps
            bias.scale = (read.scale * steps).reshape(bias.scale.shape)
            changed.add(layer.name)
    return frozenset(changed)
