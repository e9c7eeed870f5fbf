"""A float network: the calls and constants of its layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.export.c.kernels.float_maps import MAPS
from uhd.export.c.kernels.float_matrix import BLOCK, MATRIX, VECTORS
from uhd.export.c.kernels.functions import FUNCTIONS as ACTIVATIONS
from uhd.export.c.memory import Place
from uhd.export.c.network import Activation, Add, Conv, Copy, Gate, Layer, Mean, Network, Pool, Resize
from uhd.export.c.source import number, table

FUNCTIONS = {"clamp": 0, "silu": 1, "sigmoid": 2}
BYTES = 4


class FloatWriter:
    """Writes a network in float32.

    Attributes:
        kernels: every function a call may need.
        prelude: C text before them.
        constants: definitions of the weights, filled by :meth:`call`.
        weight_bytes: their size.
        zeros: definition of the row of zeros that kernels read outside a map.
        used: names of the kernels called.
    """

    kernels = (*ACTIVATIONS, *MATRIX, *MAPS)
    prelude = VECTORS

    def __init__(self, network: Network, input_scale: float) -> None:
        self.network = network
        self.input_scale = input_scale
        self.constants: list[str] = []
        self.weight_bytes = 0
        self.zeros = ""
        self.longest = 0
        self.used: set[str] = set()
        for layer in network.consumers(network.input):
            if not isinstance(layer, Conv) or layer.depthwise:
                raise UserError("the image is not read by a dense convolution; this network cannot be written as C")

    def kind_of(self, name: str) -> str:
        """Return the C type of a tensor."""
        return "uint8_t" if name == self.network.input else "float"

    def start(self, place: Place) -> list[str]:
        """Return statements before the first layer: none."""
        del place
        return []

    def scratch(self) -> dict[str, int]:
        """Return the bytes of working memory of the layers that need some."""
        sizes = {}
        for layer in self.network.layers:
            _, w, c = self.network.shapes[layer.inputs[0]]
            if isinstance(layer, Pool):
                sizes[layer.output] = w * c * BYTES
            elif isinstance(layer, Conv) and self.kernel_of(layer) in ("image", "dense"):
                columns = self.network.shapes[layer.output][1]
                sizes[layer.output] = columns * int(np.prod(layer.kernel)) * c * BYTES
        return sizes

    def call(self, layer: Layer, index: int, place: Place) -> str:
        """Return the C call of a layer and note its weights."""
        source, target = place.tensor(layer.inputs[0]), place.tensor(layer.output)
        h, w, c = self.network.shapes[layer.inputs[0]]
        oh, ow, oc = self.network.shapes[layer.output]
        last = ending(layer.activation)
        if isinstance(layer, Conv):
            return self._conv(layer, index, place, last)
        if isinstance(layer, Pool):
            row = place.scratch(layer.output, "float")
            shape = (h, w, c, *layer.kernel, *layer.stride, *layer.pads[:2])
            return self._use("max_pool", source, *shape, target, oh, ow, row)
        if isinstance(layer, Add):
            other = self.network.shapes[layer.inputs[1]]
            second = place.tensor(layer.inputs[1])
            return self._use("add", source, second, *other[:2], target, oh, ow, oc, last)
        if isinstance(layer, Gate):
            factor = place.first(layer.inputs[1])
            return self._use("gate", source, factor, target, h * w, c, last)
        if isinstance(layer, Mean):
            return self._use("mean", source, h * w, c, place.first(layer.output))
        assert isinstance(layer, Copy | Resize)
        return self._use("copy", source, h, w, target, oh, ow, oc, last)

    def _conv(self, layer: Conv, index: int, place: Place, last: str) -> str:
        h, w, c = self.network.shapes[layer.inputs[0]]
        oh, ow, oc = self.network.shapes[layer.output]
        source, target = place.tensor(layer.inputs[0]), place.tensor(layer.output)
        kind, weight, bias = self.kernel_of(layer), layer.weight, layer.bias
        if kind == "image":
            weight = weight * np.float32(self.input_scale)
        if layer.depthwise:
            self._note(f"w{index}", weight[:, 0].transpose(1, 2, 0))
            self._note(f"b{index}", bias)
        else:
            self._note(f"w{index}", pack(weight.transpose(0, 2, 3, 1).reshape(oc, -1)))
            self._note(f"b{index}", np.pad(bias, (0, -oc % BLOCK)))
        names = (f"w{index}", f"b{index}")
        if kind == "pointwise":
            return self._use(kind, source, h * w, c, *names, oc, target, last)
        if kind == "depthwise3":
            self.longest = max(self.longest, c)
            self.zeros = f"static const float zeros[{self.longest}] = {{0.0f}};\n"
            return self._use(kind, source, h, w, c, layer.stride[0], *layer.pads[:2], *names, target, oh, ow, last)
        shape = (h, w, c, *layer.kernel, *layer.stride, *layer.dilation, *layer.pads[:2])
        if kind == "depthwise":
            return self._use(kind, source, *shape, *names, target, oh, ow, last)
        return self._use(kind, source, *shape, *names, oc, target, oh, ow, place.scratch(layer.output, "float"), last)

    def kernel_of(self, layer: Conv) -> str:
        """Return the kernel of a convolution."""
        if layer.depthwise:
            simple = layer.kernel == (3, 3) and layer.dilation == (1, 1) and layer.stride[0] == layer.stride[1]
            return "depthwise3" if simple else "depthwise"
        if layer.inputs[0] == self.network.input:
            return "image"
        return "pointwise" if layer.is_pointwise else "dense"

    def _use(self, kernel: str, *arguments: object) -> str:
        self.used.add(kernel)
        return f"{kernel}({', '.join(map(str, arguments))});"

    def _note(self, name: str, values: NDArray[np.float32]) -> None:
        values = np.ascontiguousarray(values, np.float32)
        self.constants.append(table(name, values))
        self.weight_bytes += values.nbytes


def pack(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weights (O, K) as blocks (O / 16, K, 16), the last one filled with zeros."""
    padded = np.pad(matrix, ((0, -len(matrix) % BLOCK), (0, 0)))
    return np.ascontiguousarray(padded.reshape(-1, BLOCK, matrix.shape[1]).transpose(0, 2, 1))


def ending(activation: Activation) -> str:
    """Return the arguments ``low, high, function`` of a kernel."""
    function = -1 if activation.is_none else FUNCTIONS[activation.function]
    return f"{number(activation.low)}, {number(activation.high)}, {function}"
