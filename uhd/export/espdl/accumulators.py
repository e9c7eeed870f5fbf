"""Whether the sums of convolutions fit into the chip's accumulators, which stop at their limits: 20 bits on the S3.

esp-ppq stores a bias in as many bits as the chip adds up in. In which order products are added is the chip's affair, so
the largest of all orders counts: the positive products alone, or the negative ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from uhd.export.espdl.simulation import Simulation, few
from uhd.export.espdl.toolchain import chatter_to


def overflows(graph: Any, images: NDArray[np.float32]) -> dict[str, tuple[int, int]]:
    """Return convolutions whose sums can leave the accumulators on these images.

    Args:
        graph: of esp-ppq, quantised, on the CPU.
        images: (n, C, h, w) float32; a :func:`few <uhd.export.espdl.simulation.few>` are used.

    Returns:
        by name, the largest sum and the largest that fits.
    """
    found: dict[str, tuple[int, int]] = {}
    hooks = {layer.name: _hook(layer, most, found) for layer, most in _doubtful(graph)}
    if hooks:
        with torch.no_grad(), chatter_to(None):
            Simulation(graph).forward(torch.from_numpy(np.ascontiguousarray(few(images))), hooks)
    return found


def _doubtful(graph: Any) -> Iterator[tuple[Any, int]]:
    """Yield the convolutions whose sums some input could bring out of the accumulators, and what these hold."""
    for layer in graph.operations.values():
        if layer.type != "Conv" or layer.num_of_parameter < 2 or not hasattr(layer, "config"):
            continue
        read, how, bias = layer.config.input_quantization_config
        if read.scale is None or how.scale is None or layer.inputs[1].value.ndim != 4:
            continue  # not of whole numbers, or not over height and width
        weights, biases = _codes(layer)
        most = 2 ** (bias.num_of_bits - 1) - 1
        highest = weights.abs().flatten(1).sum(1) * -read.quant_min + biases.abs()
        if float(highest.max()) > most:
            yield layer, most


def _codes(layer: Any) -> tuple[Tensor, Tensor]:
    """Return the whole numbers that stand for weights and biases, as they are added up."""
    read, how, _ = layer.config.input_quantization_config
    weights, biases = (each.value.detach().cpu().double() for each in layer.inputs[1:])
    step = how.scale.detach().cpu().double().reshape(-1)
    codes = weights / step.reshape(-1, *[1] * (weights.ndim - 1))
    return codes.round().clamp(how.quant_min, how.quant_max), (biases / (step * float(read.scale))).round()


def _hook(layer: Any, most: int, found: dict[str, tuple[int, int]]) -> Any:
    """Return what esp-ppq calls before it runs a convolution, with the inputs that it is going to use."""
    from esp_ppq.executor.base import RuntimeHook

    class Add(RuntimeHook):  # type: ignore[misc]  # esp-ppq has no types
        def pre_forward_hook(self, inputs: list[Tensor]) -> list[Tensor]:
            step = float(layer.config.input_quantization_config[0].scale)
            largest = max(_largest(layer, image[None].double() / step) for image in inputs[0])
            if largest > most:
                found[layer.name] = largest, most
            return inputs

    return Add(layer)


def _largest(layer: Any, codes: Tensor) -> int:
    """Return the largest sum, of either sign and in any order, for inputs (1, C, h, w) as whole numbers."""
    has = layer.attributes
    weights, biases = (each.to(codes.dtype) for each in _codes(layer))
    top, left, bottom, right = has.get("pads", (0, 0, 0, 0))
    padded = F.pad(codes, (left, right, top, bottom))
    how = {
        "stride": has.get("strides", (1, 1)),
        "dilation": has.get("dilations", (1, 1)),
        "groups": int(has.get("group", 1)),
    }
    largest = 0.0
    for sign in (1, -1):
        up, down = (sign * weights).clamp(min=0), (-sign * weights).clamp(min=0)
        bias = (sign * biases).clamp(min=0)
        sums = F.conv2d(padded.clamp(min=0), up, bias, **how) - F.conv2d(padded.clamp(max=0), down, None, **how)
        largest = max(largest, float(sums.max()))
    return round(largest)
