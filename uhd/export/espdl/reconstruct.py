"""Layers of a quantised graph, fitted one after the other to what they put out in float.

One run through esp-ppq's executor with all images: what reaches a layer has been rounded, and moved, by all before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from uhd.compress.int8.reconstruct import Grid, Moments, reconstruct
from uhd.export.espdl.float_graph import with_outputs
from uhd.export.espdl.simulation import Simulation, few
from uhd.export.espdl.toolchain import chatter_to
from uhd.runtime.onnx import open_session

Array = NDArray[np.float32]

_HALVED = 2  # how often a step may be halved


def reconstruct_layers(
    graph: Any, model: onnx.ModelProto, images: Array, offsets: Mapping[str, float] | None = None
) -> frozenset[str]:
    """Give every convolution of esp-ppq's graph new weights, on the chip's grid, and a new bias, in place.

    Args:
        graph: of esp-ppq, calibrated, on the CPU, without reshapes.
        model: the float graph with the same names.
        images: (n, C, h, w) float32; a :func:`few <uhd.export.espdl.simulation.few>` are used.
        offsets: what outputs of convolutions are less in esp-ppq's graph (:mod:`uhd.export.espdl.relus`).

    Returns:
        names of the layers that were fitted.
    """
    images = few(images)
    simulation = Simulation(graph)
    wanted = _Float(model, images, offsets or {})
    hooks = {
        name: _hook(layer, simulation.executor, wanted)
        for name, layer in graph.operations.items()
        if name in wanted.outputs and hasattr(layer, "config") and _can_be_fitted(layer)
    }
    with torch.no_grad(), chatter_to(None):
        simulation.forward(torch.from_numpy(np.ascontiguousarray(images)), hooks)
    return frozenset(hooks)


def _can_be_fitted(layer: Any) -> bool:
    """Whether a convolution has weights in the file, over height and width, and says how it pads."""
    weights, padding = layer.inputs[1], layer.attributes.get("auto_pad", "NOTSET")
    return bool(weights.is_parameter and weights.value.ndim == 4 and padding == "NOTSET")


class _Float:
    """What every convolution puts out in float, asked for by name: all of them at once would not fit."""

    def __init__(self, model: onnx.ModelProto, images: Array, offsets: Mapping[str, float]) -> None:
        self.outputs = {node.name: node.output[0] for node in model.graph.node if node.op_type == "Conv"}
        wide = with_outputs(model, self.outputs.values())
        self._session, self._images, self._offsets = open_session(wide.SerializeToString()), images, offsets

    def of(self, layer: str) -> Array:
        """Return (n, C, h, w) for all images, less the layer's offset."""
        feed = self._session.get_inputs()[0].name
        rows = [self._session.run([self.outputs[layer]], {feed: image[None]})[0] for image in self._images]
        return np.concatenate(rows) - np.float32(self._offsets.get(layer, 0))


def _hook(layer: Any, executor: Any, wanted: _Float) -> Any:
    """Return what esp-ppq calls before it runs a convolution, with the inputs and weights that it is going to use."""
    from esp_ppq.executor.base import RuntimeHook

    class Fit(RuntimeHook):  # type: ignore[misc]  # esp-ppq has no types
        def pre_forward_hook(self, inputs: list[Tensor]) -> list[Tensor]:
            fit(layer, inputs[0].float(), wanted.of(layer.name))
            settings = layer.config.input_quantization_config[1:]
            new = [
                executor.quantize_function(each.value, how)
                for each, how in zip(layer.parameters, settings, strict=True)
            ]
            return [inputs[0], *(each.to(inputs[0].dtype) for each in new)]

    return Fit(layer)


def fit(layer: Any, inputs: Tensor, wanted: Array) -> None:
    """Change weights and bias of a convolution of esp-ppq's graph in place.

    Args:
        layer: with settings.
        inputs: (n, C, h, w) as the rounded network has them.
        wanted: (n, C', h', w') from them.
    """
    weights, settings = layer.inputs[1], layer.config.input_quantization_config[1]
    groups, outputs = int(layer.attributes.get("group", 1)), len(weights.value)
    flat = weights.value.reshape(groups, outputs // groups, -1).numpy()
    moments = Moments(groups, flat.shape[2], flat.shape[1], centred=layer.num_of_parameter > 1)
    for columns, answers in _places(layer, groups, inputs, wanted):
        moments.add(columns, answers)
    step = settings.scale.detach().cpu().double().reshape(-1).numpy()
    grid = Grid(step.reshape(groups, -1, 1) if len(step) > 1 else step, settings.quant_min, settings.quant_max)
    fitted, finer = reconstruct(flat, moments, grid, _HALVED)
    # The bias is stored in steps of the input's times the weights'.
    for how in layer.config.input_quantization_config[1:]:
        how.scale = how.scale * float(finer.step.flat[0] / grid.step.flat[0])
    weights.value = torch.from_numpy(fitted).reshape(weights.value.shape).to(weights.value)
    if layer.num_of_parameter > 1:
        bias = layer.inputs[2]
        bias.value = torch.from_numpy(moments.bias(fitted)).reshape(bias.value.shape).to(bias.value)


def _places(layer: Any, groups: int, inputs: Tensor, wanted: Array) -> Iterator[tuple[Array, Array]]:
    """Yield image by image what a convolution sees, (groups, in * k * k, places), and should answer."""
    has = layer.attributes
    top, left, bottom, right = has.get("pads", (0, 0, 0, 0))
    how = {"dilation": has.get("dilations", (1, 1)), "stride": has.get("strides", (1, 1))}
    size = layer.inputs[1].value.shape[2:]
    for image, answer in zip(inputs, wanted, strict=True):
        columns = F.unfold(F.pad(image, (left, right, top, bottom))[None], size, **how)[0].numpy()
        yield columns.reshape(groups, -1, columns.shape[1]), answer.reshape(groups, -1, columns.shape[1])
