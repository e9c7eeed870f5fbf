"""An ESTIMATE of the time per layer on an ESP32-S3 or ESP32-P4; nothing here was run on a chip.

    time = multiply-adds / rate + (output pixels x weight bytes / bandwidth, if the weights exceed the cache)

The second term: ESP-DL 3.3.9 computes all output channels of a pixel before the next one, so weights that do not fit
in the cache come from PSRAM once per pixel. Fitted to the timings that the original publishes for the S3, at widths 16
to 64: from 36 % too low to 10 % too high, low where layers of 48 to 64 KB seem to miss the cache too, and so a second
figure counts those as well (from 18 % too low to 88 % too high). ESP-DL 3.3.14 tiles and should flatten the step. The
P4's rate is that of ESPDet-Pico (85 M multiply-adds in 47.5 ms), its cache is 256 KB, and its bandwidth is what its
PSRAM bus can carry; none of that was fitted to a detector of this size.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx


@dataclass(frozen=True)
class Chip:
    """What the estimate knows of a chip.

    Attributes:
        macs_per_second: int8 multiply-adds; 16 bits run at half of it, as half as many fit in a vector register.
        cache_bytes: weights of a layer up to this size are read once.
        bytes_per_second: of the PSRAM.
        part_bytes: weights of a layer that surely stay in the cache beside everything else.
    """

    name: str
    macs_per_second: float
    cache_bytes: int
    bytes_per_second: float
    part_bytes: int


CHIPS = {
    "esp32s3": Chip("ESP32-S3", 0.75e9, 64 * 1024, 160e6, 48 * 1024),
    "esp32p4": Chip("ESP32-P4", 1.79e9, 256 * 1024, 800e6, 192 * 1024),
}
LABEL = "ESTIMATE, not measured on a chip"


@dataclass(frozen=True)
class LayerEstimate:
    """One convolution.

    Attributes:
        name: of the node.
        macs: multiply-adds.
        pixels: of the output map.
        weight_bytes: of its weights.
        bits: 8 or 16.
        compute_ms, memory_ms: the two terms of the model.
    """

    name: str
    macs: int
    pixels: int
    weight_bytes: int
    bits: int
    compute_ms: float
    memory_ms: float

    @property
    def milliseconds(self) -> float:
        """Both terms together."""
        return self.compute_ms + self.memory_ms


@dataclass(frozen=True)
class Latency:
    """The estimate of a model on a chip; convolutions only, the rest is small beside them."""

    chip: Chip
    layers: tuple[LayerEstimate, ...]

    @property
    def milliseconds(self) -> float:
        """Sum over the layers."""
        return sum(layer.milliseconds for layer in self.layers)

    @property
    def cautious_milliseconds(self) -> float:
        """The same if the layers close to the cache miss it too."""
        extra = sum(layer.pixels * layer.weight_bytes for layer in self.near_cache) / self.chip.bytes_per_second
        return self.milliseconds + extra * 1e3

    @property
    def over_cache(self) -> list[LayerEstimate]:
        """Layers whose weights exceed the cache."""
        return [layer for layer in self.layers if layer.weight_bytes > self.chip.cache_bytes]

    @property
    def near_cache(self) -> list[LayerEstimate]:
        """Layers whose weights fit, but hardly."""
        return [layer for layer in self.layers if self.chip.part_bytes < layer.weight_bytes <= self.chip.cache_bytes]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "label": LABEL,
            "chip": asdict(self.chip),
            "milliseconds": self.milliseconds,
            "cautious_milliseconds": self.cautious_milliseconds,
            "over_cache": [layer.name for layer in self.over_cache],
            "near_cache": [layer.name for layer in self.near_cache],
            "layers": [asdict(layer) | {"milliseconds": layer.milliseconds} for layer in self.layers],
        }

    def summary(self) -> list[str]:
        """Return the total and the layers that do not fit, as lines."""
        kilobytes = self.chip.cache_bytes // 1024
        macs = sum(layer.macs for layer in self.layers) / 1e6
        lines = [f"{self.chip.name}: {self.milliseconds:.1f} ms for {macs:.1f} M multiply-adds ({LABEL})"]
        for layer in self.over_cache:
            size = layer.weight_bytes / 1024
            lines.append(
                f"  {layer.name}: {size:.0f} KB of weights exceed the {kilobytes} KB cache, "
                f"{layer.memory_ms:.1f} ms of reading; --split-wide-convs cuts 1x1 layers"
            )
        if self.near_cache:
            names = ", ".join(f"{layer.name} ({layer.weight_bytes / 1024:.0f} KB)" for layer in self.near_cache)
            lines.append(
                f"  {self.cautious_milliseconds:.1f} ms if layers close to {kilobytes} KB miss the cache too: {names}"
            )
        return lines

    def to_text(self) -> str:
        """Return a table."""
        width = max((len(layer.name) for layer in self.layers), default=5)
        lines = [f"{'layer':<{width}} {'bits':>4} {'MACs':>11} {'weights':>10} {'compute':>9} {'memory':>9}  {LABEL}"]
        for layer in self.layers:
            flag = "  over the cache" if layer.weight_bytes > self.chip.cache_bytes else ""
            lines.append(
                f"{layer.name:<{width}} {layer.bits:>4} {layer.macs:>11,} {layer.weight_bytes:>8,} B "
                f"{layer.compute_ms:>6.3f} ms {layer.memory_ms:>6.3f} ms{flag}"
            )
        return "\n".join([*lines, *self.summary()])


def layer_estimate(name: str, macs: int, pixels: int, weights: int, chip: Chip, bits: int = 8) -> LayerEstimate:
    """Return the estimate of one layer with so many multiply-adds, output pixels and weights."""
    size = weights * bits // 8
    compute = macs * (bits / 8) / chip.macs_per_second
    memory = pixels * size / chip.bytes_per_second if size > chip.cache_bytes else 0.0
    return LayerEstimate(name, macs, pixels, size, bits, compute * 1e3, memory * 1e3)


def estimate(model: onnx.ModelProto, chip: Chip, int16: AbstractSet[str] = frozenset(), bits: int = 8) -> Latency:
    """Estimate every convolution of a graph of fixed size.

    Args:
        model: the graph as it is quantised.
        chip: one of ``CHIPS``.
        int16: nodes in 16 bits.
        bits: of all others.
    """
    inferred = onnx.shape_inference.infer_shapes(model)
    entries = [*inferred.graph.value_info, *inferred.graph.output]
    shapes = {entry.name: [dim.dim_value for dim in entry.type.tensor_type.shape.dim] for entry in entries}
    weights = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    layers = []
    for node in model.graph.node:
        if node.op_type != "Conv" or node.input[1] not in weights:
            continue
        shape = weights[node.input[1]]
        pixels = int(np.prod(shapes[node.output[0]][2:]))
        count = int(np.prod(shape))
        width = 16 if node.name in int16 else bits
        layers.append(layer_estimate(node.name, count * pixels, pixels, count, chip, width))
    return Latency(chip, tuple(layers))
