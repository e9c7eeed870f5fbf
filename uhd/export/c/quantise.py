"""Steps and zero points of every map, from what the float network computes on calibration images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from uhd.export.c.execute import activated, execute
from uhd.export.c.head import RAW
from uhd.export.c.network import Activation, Conv, Copy, Layer, Network, Pool, Resize

Array = NDArray[np.float32]
_BATCH = 8
LEVELS = 255


@dataclass(frozen=True)
class Grid:
    """Bytes and what they stand for: ``step * (byte - zero)``."""

    step: float
    zero: int

    @classmethod
    def over(cls, low: float, high: float) -> Grid:
        """Return the grid of a range, widened to hold 0 exactly."""
        low, high = min(low, 0.0), max(high, 0.0)
        # A map that is always 0 may have any step.
        step = (high - low if high - low > 1e-9 else 1.0) / LEVELS
        return cls(step, int(np.clip(round(-low / step), 0, LEVELS)))

    def byte(self, value: float) -> int:
        """Return the nearest byte."""
        return int(np.clip(np.rint(np.clip(value / self.step, -1e6, 1e6)) + self.zero, 0, LEVELS))

    def rounded(self, values: Array) -> Array:
        """Return values of any shape as the grid holds them, clipped to its range of bytes 0 to 255."""
        bytes_ = np.clip(np.rint(values / self.step) + self.zero, 0, LEVELS)
        return np.asarray((bytes_ - self.zero) * self.step, np.float32)

    def reals(self) -> Array:
        """Return what the bytes 0 to 255 stand for (256,)."""
        return np.asarray((np.arange(LEVELS + 1) - self.zero) * self.step, np.float32)


@dataclass
class Grids:
    """The grid of every map.

    Attributes:
        of: by tensor, after the activation; maps of the output are float and have none.
        before: by tensor, before an activation that is a table.
    """

    of: dict[str, Grid] = field(default_factory=dict)
    before: dict[str, Grid] = field(default_factory=dict)


def float_outputs(network: Network) -> None:
    """Let only convolutions and copies write the output map, which stays float; call before anything shares memory."""
    for layer in network.layers[:]:
        if network.home(layer.output)[0] != RAW or isinstance(layer, Conv | Copy):
            continue
        name = f"{layer.output}/bytes"
        network.shapes[name] = network.shapes[layer.output]
        network.layers.insert(network.layers.index(layer) + 1, Copy([name], layer.output))
        layer.output = name


def calibrate(network: Network, images: Array, image_step: float, share: float = 1.0) -> Grids:
    """Return the grids.

    Args:
        network: with joined outputs, before anything shares memory.
        images: (n, h, w, C) float32 as the network reads them.
        image_step: what one level of the image stands for.
        share: of a map's values that its range holds, averaged over images; 1 takes the whole range of all images.
    """
    ranges: dict[str, list[tuple[float, float]]] = {}
    plain = {layer.output: layer.activation for layer in network.layers if is_table(layer)}
    # Without tables' activations, so that what comes before them is seen too; they are applied while watching.
    for layer in network.layers:
        if layer.output in plain:
            layer.activation = Activation()

    def see(name: str, values: Array) -> Array:
        if name in plain:
            ranges.setdefault(f"{name}/before", []).append(_range(values, share))
            values = activated(values, plain[name])
        ranges.setdefault(name, []).append(_range(values, share))
        return values

    for start in range(0, len(images), _BATCH):
        execute(network, images[start : start + _BATCH], see)
    for layer in network.layers:
        if layer.output in plain:
            layer.activation = plain[layer.output]
    joined = {name: _joined(found, share) for name, found in ranges.items()}
    grids = Grids(before={name: Grid.over(*joined[f"{name}/before"]) for name in plain})
    for group in _groups(network):
        seen = [joined[name] for name in group if name in joined]
        if network.input in group:
            grid = Grid(image_step, 0)
        elif seen:
            grid = Grid.over(min(low for low, _ in seen), max(high for _, high in seen))
        else:
            continue
        grids.of |= dict.fromkeys(group, grid)
    return grids


def is_table(layer: Layer) -> bool:
    """Whether a layer's activation is applied by a table of 256 bytes."""
    return layer.activation.function != "clamp" and not isinstance(layer, Copy)


def _range(values: Array, share: float) -> tuple[float, float]:
    if share >= 1:
        return float(values.min()), float(values.max())
    low, high = np.quantile(values, ((1 - share) / 2, (1 + share) / 2))
    return float(low), float(high)


def _joined(found: list[tuple[float, float]], share: float) -> tuple[float, float]:
    lows, highs = zip(*found, strict=True)
    if share >= 1:
        return min(lows), max(highs)
    return float(np.mean(lows)), float(np.mean(highs))


def _groups(network: Network) -> Iterator[set[str]]:
    """Return sets of tensors that must have the same grid: parts of one map, and what is only moved."""
    links = [(part, whole) for part, (whole, _) in network.slices.items() if whole != RAW]
    for layer in network.layers:
        moved = isinstance(layer, Pool | Resize) or (isinstance(layer, Copy) and layer.activation.is_none)
        if moved and network.home(layer.output)[0] != RAW:
            links.append((layer.inputs[0], layer.output))
    groups: dict[str, set[str]] = {name: {name} for name in network.shapes}
    for first, second in links:
        joined = groups[first] | groups[second]
        groups |= dict.fromkeys(joined, joined)
    done: set[str] = set()
    for name, group in groups.items():
        if name not in done and network.home(name)[0] != RAW:
            done |= group
            yield group
