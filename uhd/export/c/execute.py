"""Run a layer list in NumPy: the reference that calibration and tests read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from uhd.export.c.network import Activation, Add, Conv, Copy, Gate, Layer, Mean, Network, Pool, Resize
from uhd.heads import sigmoid

Array = NDArray[np.float32]


def execute(network: Network, images: Array, see: Callable[[str, Array], Array] | None = None) -> dict[str, Array]:
    """Run a network.

    Args:
        network: layer list.
        images: (B, h, w, C) float32 in [0, 1].
        see: called with every tensor's name and value (B, h, w, C); what it returns is used on.

    Returns:
        The output maps (B, C, h, w) by name.
    """
    values = {network.input: images if see is None else see(network.input, images)}
    for layer in network.layers:
        value = _compute(layer, [_read(network, values, name) for name in layer.inputs], network)
        value = activated(value, layer.activation)
        values[layer.output] = value if see is None else see(layer.output, value)
    return {
        name: np.stack([_read(network, values, tensor)[..., channel] for tensor, channel in channels], 1)
        for name, channels in network.outputs.items()
    }


def activated(x: Array, rule: Activation) -> Array:
    """Apply an activation."""
    if rule.function == "sigmoid":
        return sigmoid(x)
    if rule.function == "silu":
        return np.asarray(x * sigmoid(x))
    return x if rule.is_none else np.clip(x, rule.low, rule.high, dtype=np.float32)


def _read(network: Network, values: dict[str, Array], name: str) -> Array:
    """Return a tensor; one that is made of slices is put together from them."""
    if name in values:
        return values[name]
    parts = [(offset, part) for part, (whole, offset) in network.slices.items() if whole == name]
    values[name] = np.concatenate([_read(network, values, part) for _, part in sorted(parts)], -1)
    return values[name]


def _compute(layer: Layer, inputs: list[Array], network: Network) -> Array:
    x = inputs[0]
    h, w, _ = network.shapes[layer.output]
    if isinstance(layer, Conv):
        return convolve(x, layer, h, w)
    if isinstance(layer, Pool):
        windows = _windows(x, layer.kernel, layer.stride, layer.pads, (1, 1), h, w, -np.inf)
        return np.asarray(windows.max((3, 4)))
    if isinstance(layer, Add):
        return x + _nearest(inputs[1], h, w)
    if isinstance(layer, Gate):
        return x * inputs[1]
    if isinstance(layer, Mean):
        return np.asarray(x.mean((1, 2), keepdims=True, dtype=np.float32))
    if isinstance(layer, Resize):
        return _nearest(x, h, w)
    assert isinstance(layer, Copy)
    return x


def convolve(x: Array, layer: Conv, h: int, w: int) -> Array:
    """Return the convolution (B, h, w, O) without activation."""
    if layer.is_pointwise:
        return np.asarray(x @ layer.weight[:, :, 0, 0].T + layer.bias)
    windows = _windows(x, layer.kernel, layer.stride, layer.pads, layer.dilation, h, w, 0.0)
    pattern = "bhwijc,cij->bhwc" if layer.depthwise else "bhwijc,ocij->bhwo"
    weight = layer.weight[:, 0] if layer.depthwise else layer.weight
    return np.asarray(np.einsum(pattern, windows, weight, optimize=True) + layer.bias, np.float32)


def _nearest(x: Array, h: int, w: int) -> Array:
    if x.shape[1:3] == (h, w):
        return x
    return x[:, np.arange(h) * x.shape[1] // h][:, :, np.arange(w) * x.shape[2] // w]


def _windows(
    x: Array,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pads: tuple[int, int, int, int],
    dilation: tuple[int, int],
    h: int,
    w: int,
    fill: float,
) -> Array:
    """Return the values under the filter at every place: (B, h, w, kh, kw, C)."""
    top, left, bottom, right = pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    rows = np.arange(h)[:, None] * stride[0] + np.arange(kernel[0]) * dilation[0]
    columns = np.arange(w)[:, None] * stride[1] + np.arange(kernel[1]) * dilation[1]
    return padded[:, rows[:, None, :, None], columns[None, :, None, :]]
