"""Passes over the layer list that change what is computed by rounding only: fewer layers, fewer multiply-adds."""

from __future__ import annotations

import numpy as np

from uhd.export.c.network import Activation, Add, Conv, Copy, Gate, Layer, Network, Resize


def simplify(network: Network) -> Network:
    """Fold, hoist and fuse until nothing changes; the network is changed in place."""
    drop_unused(network)
    passes = (fold_scale, fuse_activation, hoist_resize, fuse_resize)
    while any(apply(network) for apply in passes):
        pass
    return network


def drop_unused(network: Network) -> None:
    """Remove layers whose output nothing reads (the sigmoid of a SiLU that became one layer)."""
    read = set(network.output_tensors()) | set(network.slices)
    for layer in reversed(network.layers[:]):
        if layer.output in read:
            read |= set(layer.inputs)
        else:
            _remove(network, layer)


def fold_scale(network: Network) -> bool:
    """Fold a constant factor and shift of each channel into the convolution before it."""
    for layer in network.layers:
        if not (isinstance(layer, Conv) and layer.depthwise and layer.kernel == (1, 1) and layer.stride == (1, 1)):
            continue
        before = _only_before(network, layer)
        if not isinstance(before, Conv):
            continue
        scale = layer.weight.reshape(-1)
        limits = before.activation
        if not limits.is_none:
            # A clamp commutes with a positive factor; other limits than 0 would differ between channels.
            same = limits.function == "clamp" and limits.low in (0.0, -np.inf) and limits.high == np.inf
            if not same or (scale <= 0).any() or layer.bias.any() or not layer.activation.is_none:
                continue
        before.weight = (before.weight * scale[:, None, None, None]).astype(np.float32)
        before.bias = (before.bias * scale + layer.bias).astype(np.float32)
        before.activation = layer.activation if limits.is_none else limits
        _absorb(network, before, layer)
        return True
    return False


def fuse_activation(network: Network) -> bool:
    """Let a layer apply the activation that follows it."""
    for layer in network.layers:
        if not isinstance(layer, Copy) or (layer.output in network.slices and layer.activation.is_none):
            continue
        before = _only_before(network, layer)
        if not isinstance(before, Conv | Add | Gate | Copy):
            continue
        joined = _joined(before.activation, layer.activation)
        if joined is None:
            continue
        before.activation = joined
        _absorb(network, before, layer)
        return True
    return False


def hoist_resize(network: Network) -> bool:
    """Run a pointwise convolution or activation before the nearest resizing that feeds it, on fewer pixels."""
    for layer in network.layers:
        pointwise = isinstance(layer, Copy) or (isinstance(layer, Conv) and layer.is_pointwise)
        resize = _only_before(network, layer)
        if not pointwise or not isinstance(resize, Resize):
            continue
        small, large = network.shapes[resize.inputs[0]], network.shapes[layer.output]
        if small[0] * small[1] >= large[0] * large[1]:
            continue
        middle = f"{layer.output}/small"
        network.shapes[middle] = (*small[:2], large[2])
        del network.shapes[resize.output]
        layer.inputs, resize.output, layer.output = resize.inputs, layer.output, middle
        resize.inputs = [middle]
        first, second = network.layers.index(resize), network.layers.index(layer)
        network.layers[first], network.layers[second] = layer, resize
        return True
    return False


def fuse_resize(network: Network) -> bool:
    """Let a sum read its smaller operand without a resized copy."""
    for layer in network.layers:
        if not isinstance(layer, Add):
            continue
        for i in (1, 0):
            other = network.shapes[layer.inputs[1 - i]]
            if other[:2] != network.shapes[layer.output][:2]:
                continue
            resize = network.producer(layer.inputs[i])
            if isinstance(resize, Resize) and _uses(network, resize.output) == 1:
                layer.inputs = [layer.inputs[1 - i], resize.inputs[0]]
                _remove(network, resize)
                return True
    return False


def _joined(first: Activation, second: Activation) -> Activation | None:
    """Return one activation for two in a row, or None."""
    if first.is_none:
        return second
    if second.is_none:
        return first
    if first.function != "clamp" or second.function != "clamp":
        return None
    low, high = (float(np.clip(limit, second.low, second.high)) for limit in (first.low, first.high))
    return Activation(low=low, high=high)


def _uses(network: Network, name: str) -> int:
    inputs = sum(layer.inputs.count(name) for layer in network.layers)
    return inputs + (name in network.slices) + (name in network.output_tensors())


def _only_before(network: Network, layer: Layer) -> Layer | None:
    """Return the layer that feeds this one alone."""
    if len(layer.inputs) != 1 or _uses(network, layer.inputs[0]) != 1:
        return None
    return network.producer(layer.inputs[0])


def _absorb(network: Network, before: Layer, layer: Layer) -> None:
    """Let ``before`` write what ``layer`` wrote."""
    del network.shapes[before.output]
    before.output = layer.output
    network.layers.remove(layer)


def _remove(network: Network, layer: Layer) -> None:
    network.layers.remove(layer)
    del network.shapes[layer.output]
