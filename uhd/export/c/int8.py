"""A network on bytes: the calls and constants of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.export.c.execute import activated
from uhd.export.c.float32 import ending
from uhd.export.c.head import RAW
from uhd.export.c.kernels.functions import FUNCTIONS
from uhd.export.c.kernels.int8 import TYPES, convolutions
from uhd.export.c.kernels.int8_maps import MAPS
from uhd.export.c.memory import Place
from uhd.export.c.network import Activation, Add, Conv, Copy, Gate, Layer, Mean, Network, Pool, Resize
from uhd.export.c.quantise import LEVELS, Grid, Grids, is_table
from uhd.export.c.source import Kernel, number, table

MOST = 127  # of a weight
_BLOCK = 16
_MEMBERS = ("weight", "bias", "multiplier", "shift", "factor", "zero_in", "zero_out", "left", "low", "high", "table")
_SPARE_BITS = 6  # below the last one of a result, so that what the high half of a product cuts off is next to nothing
_MOST_SHIFT = 30


class Int8Writer:
    """Writes a network with int8 weights, uint8 maps and int32 sums; its output map is float.

    Attributes:
        prelude: C text before the kernels.
        constants: definitions of the weights, filled by :meth:`call`.
        weight_bytes: their size.
        zeros: nothing; see :class:`uhd.export.c.emit.Writer`.
        used: names of the kernels called.
    """

    prelude = TYPES

    def __init__(self, network: Network, grids: Grids) -> None:
        self.network, self.grids = network, grids
        self.constants: list[str] = []
        self.weight_bytes = 0
        self.zeros = ""
        self.used: set[str] = set()
        taps = [int(np.prod(layer.kernel)) for layer in network.layers if isinstance(layer, Conv) and layer.depthwise]
        self.kernels: Sequence[Kernel] = (*FUNCTIONS, *convolutions(max(taps, default=1)), *MAPS)
        for layer in network.consumers(network.input):
            if not isinstance(layer, Conv):
                raise UserError("the image is not read by a convolution; this network cannot be written as int8 C")

    def kind_of(self, name: str) -> str:
        """Return the C type of a tensor."""
        return "float" if name == RAW else "uint8_t"

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
                sizes[layer.output] = w * c
            elif isinstance(layer, Conv) and not layer.depthwise and not layer.is_pointwise:
                sizes[layer.output] = self.network.shapes[layer.output][1] * int(np.prod(layer.kernel)) * c
        return sizes

    def call(self, layer: Layer, index: int, place: Place) -> str:
        """Return the C calls of a layer and note its weights."""
        text = self._call(layer, index, place)
        if isinstance(layer, Conv) or self._is_float(layer.output):
            return text
        if not is_table(layer) and (not isinstance(layer, Copy) or layer.activation.is_none):
            return text
        before = self.grids.of[layer.inputs[0]] if isinstance(layer, Copy) else self.grids.before[layer.output]
        self._note(f"t{index}", self._table(before, layer))
        h, w, c = self.network.shapes[layer.output]
        return f"{text} {self._use('lookup', place.tensor(layer.output), h * w, c, f't{index}')}"

    def _call(self, layer: Layer, index: int, place: Place) -> str:
        source, target = place.tensor(layer.inputs[0]), place.tensor(layer.output)
        h, w, c = self.network.shapes[layer.inputs[0]]
        oh, ow, oc = self.network.shapes[layer.output]
        if isinstance(layer, Conv):
            return self._conv(layer, index, place)
        grid = self.grids.of[layer.inputs[0]]
        if self._is_float(layer.output):
            step = number(grid.step)
            return self._use("to_float", source, h, w, target, oh, ow, c, step, grid.zero, ending(layer.activation))
        if isinstance(layer, Pool):
            row = place.scratch(layer.output, "uint8_t")
            shape = (h, w, c, *layer.kernel, *layer.stride, *layer.pads[:2])
            return self._use("max_pool", source, *shape, target, oh, ow, row)
        if isinstance(layer, Copy | Resize):
            return self._use("copy", source, h, w, target, oh, ow, oc)
        out = self._before(layer)
        low, high = _limits(out, layer)
        if isinstance(layer, Add):
            other = self.grids.of[layer.inputs[1]]
            factors, shift = together(grid.step / out.step, other.step / out.step)
            second = place.tensor(layer.inputs[1])
            bh, bw, _ = self.network.shapes[layer.inputs[1]]
            return self._use(
                "add", source, grid.zero, factors[0], second, other.zero, factors[1], bh, bw, target, oh, ow, oc,
                shift, out.zero, low, high,
            )  # fmt: skip
        if isinstance(layer, Gate):
            factor = self.grids.of[layer.inputs[1]]
            numbers = fixed_point(grid.step * factor.step / out.step, LEVELS**2).single
            by = place.first(layer.inputs[1])
            return self._use(
                "gate", source, grid.zero, by, factor.zero, target, h * w, c, *numbers, out.zero, low, high
            )
        assert isinstance(layer, Mean)
        numbers = fixed_point(grid.step / (out.step * h * w), LEVELS * h * w).single
        return self._use("mean", source, grid.zero, h * w, c, place.first(layer.output), *numbers, out.zero)

    def _conv(self, layer: Conv, index: int, place: Place) -> str:
        h, w, c = self.network.shapes[layer.inputs[0]]
        oh, ow, oc = self.network.shapes[layer.output]
        is_float = self._is_float(layer.output)
        self._parameters(layer, index, is_float)
        kind = "depthwise" if layer.depthwise else "pointwise" if layer.is_pointwise else "dense"
        name = f"{kind}_float" if is_float else kind
        more = (ending(layer.activation),) if is_float else ()
        source, target, own = place.tensor(layer.inputs[0]), place.tensor(layer.output), f"&l{index}"
        if kind == "pointwise":
            return self._use(name, source, h * w, c, own, oc, target, *more)
        filter_ = (h, w, c, *layer.kernel, *layer.stride, *layer.dilation, *layer.pads[:2])
        if kind == "depthwise":
            return self._use(name, source, *filter_, own, target, oh, ow, *more)
        row = place.scratch(layer.output, "uint8_t")
        return self._use(name, source, *filter_, own, oc, target, oh, ow, row, *more)

    def _parameters(self, layer: Conv, index: int, is_float: bool) -> None:
        """Note weights, biases and factors, and the ``convolution`` that holds them."""
        grid = self.grids.of[layer.inputs[0]]
        weight, steps = quantise_weights(layer.weight, layer.bias, grid.step)
        sums = weight.reshape(len(weight), -1).sum(1, dtype=np.int64)
        bias = np.rint(layer.bias / (steps * grid.step)).astype(np.int64) - grid.zero * sums
        bias = np.clip(bias, -(2**30), 2**30).astype(np.int32)
        if layer.depthwise:
            packed = weight[:, 0].transpose(1, 2, 0)
        else:
            rows = weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)
            packed = np.pad(rows, ((0, -len(rows) % _BLOCK), (0, 0)))
        self._note(f"w{index}", packed)
        self._note(f"b{index}", bias)
        members = {"weight": f"w{index}", "bias": f"b{index}", "zero_in": grid.zero}
        if is_float:
            self._note(f"f{index}", (steps * grid.step).astype(np.float32))
            members["factor"] = f"f{index}"
        else:
            out = self._before(layer)
            magnitude = np.abs(weight.reshape(len(weight), -1).astype(np.int64)).sum(1) * LEVELS
            factors = fixed_point(steps * grid.step / out.step, float((magnitude + np.abs(bias)).max()))
            self._note(f"m{index}", factors.multipliers)
            self._note(f"s{index}", factors.shifts)
            low, high = _limits(out, layer)
            members |= {
                "multiplier": f"m{index}", "shift": f"s{index}", "left": factors.left, "zero_out": out.zero,
                "low": low, "high": high,
            }  # fmt: skip
            if is_table(layer):
                self._note(f"t{index}", self._table(out, layer))
                members["table"] = f"t{index}"
        values = ", ".join(str(members.get(name, 0)) for name in _MEMBERS)
        self.constants.append(f"static const convolution l{index} = {{{values}}};\n")

    def _before(self, layer: Layer) -> Grid:
        """Return the grid that a layer writes on, before its table if it has one."""
        return self.grids.before[layer.output] if is_table(layer) else self.grids.of[layer.output]

    def _table(self, before: Grid, layer: Layer) -> NDArray[np.uint8]:
        reals = activated(before.reals(), layer.activation)
        after = self.grids.of[layer.output]
        return np.array([after.byte(float(value)) for value in reals], np.uint8)

    def _is_float(self, name: str) -> bool:
        return self.network.home(name)[0] == RAW

    def _use(self, kernel: str, *arguments: object) -> str:
        self.used.add(kernel)
        return f"{kernel}({', '.join(map(str, arguments))});"

    def _note(self, name: str, values: NDArray[np.generic]) -> None:
        values = np.ascontiguousarray(values)
        self.constants.append(table(name, values))
        self.weight_bytes += values.nbytes


def quantise_weights(
    weight: NDArray[np.float32], bias: NDArray[np.float32], input_step: float
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Return int8 weights (O, I, kh, kw) and the step of each output channel (O,), so that weight = step * int8."""
    steps = np.abs(weight).reshape(len(weight), -1).max(1).astype(np.float64) / MOST
    # The bias is held in the same unit and must fit 32 bits, also where the weights are next to nothing.
    steps = np.maximum(steps, np.maximum(np.abs(bias) / (input_step * 2**29), 1e-12))
    scaled = np.rint(weight / steps[:, None, None, None])
    return np.clip(scaled, -MOST, MOST).astype(np.int8), steps


@dataclass(frozen=True)
class FixedPoint:
    """Factors as integers: factor = multiplier * 2^left / 2^(32 + shift).

    The high half of a product of 32 bits is all that is computed, so ``left`` lifts small sums above what is cut off.
    """

    multipliers: NDArray[np.int32]
    shifts: NDArray[np.uint8]
    left: int

    @property
    def single(self) -> tuple[int, int, int]:
        """The arguments ``multiplier, left, shift`` of a kernel with one factor."""
        return int(self.multipliers[0]), self.left, int(self.shifts[0])


def fixed_point(factors: NDArray[np.float64] | float, largest: float) -> FixedPoint:
    """Return factors for numbers of at most ``largest`` in magnitude.

    Raises:
        UserError: the results are so much larger than the numbers that 32 bits cannot hold both.
    """
    mantissa, exponent = np.frexp(np.atleast_1d(np.asarray(factors, np.float64)))
    right = -exponent.astype(np.int64) - 1  # factor = mantissa * 2^31 / 2^(32 + right)
    room = 30 - int(np.ceil(np.log2(max(largest, 1))))
    left = int(np.clip(_SPARE_BITS - right.min(), 0, max(room, 0)))
    shifts = right + left
    if shifts.min() < 1:
        raise UserError("a layer makes its values so much larger that int8 cannot hold them; write float32 instead")
    # A factor too small for any shift turns every number into 0.
    multipliers = np.where(shifts > _MOST_SHIFT, 0, np.minimum(np.rint(mantissa * 2**31), 2**31 - 1))
    return FixedPoint(multipliers.astype(np.int32), np.minimum(shifts, _MOST_SHIFT).astype(np.uint8), left)


def together(first: float, second: float) -> tuple[tuple[int, int], int]:
    """Return two factors over one power of two, small enough for sums of two products with bytes in 32 bits."""
    shift = 20 - int(np.frexp(max(first, second))[1])
    if shift < 1:
        raise UserError("a sum makes its values so much larger that int8 cannot hold them; write float32 instead")
    shift = min(shift, 30)
    return (round(first * 2**shift), round(second * 2**shift)), shift


def _limits(grid: Grid, layer: Layer) -> tuple[int, int]:
    rule = Activation() if is_table(layer) else layer.activation
    low = grid.byte(rule.low) if np.isfinite(rule.low) else 0
    return low, grid.byte(rule.high) if np.isfinite(rule.high) else LEVELS
