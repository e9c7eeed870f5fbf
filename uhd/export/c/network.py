"""The folded layer list that C is written from: tensors in height-width-channel order and the layers between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Function = Literal["clamp", "silu", "sigmoid"]


@dataclass(frozen=True)
class Activation:
    """What a layer does to each value last; the default is nothing.

    Attributes:
        function: ``clamp`` to [low, high], ``silu`` or ``sigmoid``.
        low: of the clamp.
        high: of the clamp.
    """

    function: Function = "clamp"
    low: float = -np.inf
    high: float = np.inf

    @property
    def is_none(self) -> bool:
        """Whether it changes nothing."""
        return self.function == "clamp" and self.low == -np.inf and self.high == np.inf


NONE = Activation()
RELU = Activation(low=0.0)
Shape = tuple[int, int, int]


@dataclass(eq=False)
class Layer:
    """Base of every layer.

    Attributes:
        inputs: names of the tensors read.
        output: name of the tensor written.
        activation: applied last.
    """

    inputs: list[str]
    output: str
    activation: Activation = NONE


@dataclass(eq=False)
class Conv(Layer):
    """Convolution, dense or depthwise.

    Attributes:
        weight: (O, I, kh, kw), or (C, 1, kh, kw) when depthwise.
        bias: (O,).
        stride: rows, columns.
        pads: top, left, bottom, right.
        dilation: rows, columns.
        depthwise: one filter for each channel.
    """

    weight: Array = field(default_factory=lambda: np.zeros((0, 0, 1, 1), np.float32))
    bias: Array = field(default_factory=lambda: np.zeros(0, np.float32))
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    depthwise: bool = False

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the filter."""
        return int(self.weight.shape[2]), int(self.weight.shape[3])

    @property
    def is_pointwise(self) -> bool:
        """Whether it is one matrix product over the pixels."""
        return not self.depthwise and self.kernel == (1, 1) and self.stride == (1, 1) and not any(self.pads)


@dataclass(eq=False)
class Pool(Layer):
    """Maximum over a window; ``kernel``, ``stride`` and ``pads`` as in :class:`Conv`."""

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(eq=False)
class Add(Layer):
    """Sum of two tensors; the second may be smaller and is then repeated as by nearest resizing."""


@dataclass(eq=False)
class Gate(Layer):
    """Product of a tensor and one factor for each channel (the second input, 1 x 1)."""


@dataclass(eq=False)
class Mean(Layer):
    """Mean over all pixels."""


@dataclass(eq=False)
class Resize(Layer):
    """Nearest: output row y reads input row floor(y * input rows / output rows)."""


@dataclass(eq=False)
class Copy(Layer):
    """The input as it is, then the activation."""


@dataclass
class Network:
    """Layers in the order they run.

    Attributes:
        input: name of the image tensor.
        shapes: (height, width, channels) by tensor name.
        layers: in order.
        outputs: for each map, for each of its channels, the tensor and the channel that holds it.
        slices: tensors that are a range of another tensor's channels: (whose, first channel).
    """

    input: str
    shapes: dict[str, Shape]
    layers: list[Layer]
    outputs: dict[str, list[tuple[str, int]]]
    slices: dict[str, tuple[str, int]] = field(default_factory=dict)

    def output_tensors(self) -> list[str]:
        """Return the tensors that hold output channels, in order of appearance."""
        return list(dict.fromkeys(name for channels in self.outputs.values() for name, _ in channels))

    def consumers(self, name: str) -> list[Layer]:
        """Return the layers that read a tensor."""
        return [layer for layer in self.layers if name in layer.inputs]

    def producer(self, name: str) -> Layer | None:
        """Return the layer that writes a tensor."""
        return next((layer for layer in self.layers if layer.output == name), None)

    def home(self, name: str) -> tuple[str, int]:
        """Return the tensor whose memory holds this one, and its first channel there."""
        offset = 0
        while name in self.slices:
            name, start = self.slices[name]
            offset += start
        return name, offset

    def macs(self) -> int:
        """Return the multiply-adds of all convolutions."""
        return sum(
            int(np.prod(self.shapes[layer.output][:2])) * layer.weight.size
            for layer in self.layers
            if isinstance(layer, Conv)
        )
