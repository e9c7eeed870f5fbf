"""Biases that make up for rounding: the mean of every channel becomes what it is in float.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019, with measured means.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.export.c.execute import activated, execute
from uhd.export.c.int8 import quantise_weights
from uhd.export.c.network import Activation, Conv, Network
from uhd.export.c.quantise import Grids

Array = NDArray[np.float32]


def correct_biases(network: Network, grids: Grids, images: Array) -> None:
    """Change the biases of all convolutions in place.

    Args:
        network: with joined outputs, before anything shares memory.
        grids: of its maps.
        images: (n, h, w, C) float32 as the network reads them; all run at once.
    """
    convs = {layer.output: layer for layer in network.layers if isinstance(layer, Conv)}
    activations = {name: layer.activation for name, layer in convs.items()}
    weights = {name: layer.weight for name, layer in convs.items()}
    means: dict[str, Array] = {}

    def in_float(name: str, values: Array) -> Array:
        if name in convs:
            means[name] = values.mean((0, 1, 2), dtype=np.float64).astype(np.float32)
            values = activated(values, activations[name])
        return values

    def rounded(name: str, values: Array) -> Array:
        if name in convs:
            missing = means[name] - values.mean((0, 1, 2), dtype=np.float64).astype(np.float32)
            convs[name].bias = convs[name].bias + missing
            values = values + missing
            if name in grids.before:
                values = grids.before[name].rounded(values)
            values = activated(values, activations[name])
        return grids.of[name].rounded(values) if name in grids.of else values

    for layer in convs.values():
        layer.activation = Activation()
    execute(network, images, in_float)
    for layer in convs.values():
        held, steps = quantise_weights(layer.weight, layer.bias, grids.of[layer.inputs[0]].step)
        layer.weight = (held * steps[:, None, None, None]).astype(np.float32)
    execute(network, images, rounded)
    for name, layer in convs.items():
        layer.activation, layer.weight = activations[name], weights[name]
