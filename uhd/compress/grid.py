"""The grids to which quantisation-aware training rounds: those of integer runtimes and of chips."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """Where the values that a runtime can hold lie.

    Attributes:
        per_channel: a scale for each output channel of a weight, or one for the tensor.
        folded: batch-norm is folded into the weights before they are rounded, as it is deployed; its statistics stay.
        power_of_two: scales are powers of two, and activations are signed; otherwise activations have a zero point.
        half_up: halves are rounded up, or to even.
        paired: the two largest weights of one sign share the range; see :mod:`uhd.compress.int8.weight_range`.
        spare_bits: of the activations, left free.
    """

    per_channel: bool
    folded: bool = False
    power_of_two: bool = False
    half_up: bool = False
    paired: bool = False
    spare_bits: int = 0


GRIDS = {
    # It adds pairs of products in 16 bits and keeps one bit of the activations free for it.
    "fbgemm": Grid(per_channel=True, spare_bits=1),
    "qnnpack": Grid(per_channel=False),
    "onnx": Grid(per_channel=True, folded=True, paired=True),
    "esp32s3": Grid(per_channel=False, folded=True, power_of_two=True, half_up=True),
    "esp32p4": Grid(per_channel=True, folded=True, power_of_two=True),
}
