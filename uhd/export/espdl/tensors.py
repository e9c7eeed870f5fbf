"""What goes into an ``.espdl`` and comes out, as the chip holds it: integers times a power of two, channels last."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

# By output: which channel is what, with a the number of the anchor.
_ORDERS = {
    "box": "a*4+j, j = tx, ty, tw, th", "obj": "a", "quality": "a", "cls": "a*C+c, c = class", "attr": "a*N+n",
    "attr_logits": "a*N+n", "hm": "c = class", "off": "x, y", "wh": "w, h",
}  # fmt: skip
_ONE_BOX_A_CELL = "ltrb"
_JOINED = "a*M+j, j = tx, ty, tw, th, then the other fields in the order of the name, classes last"


@dataclass(frozen=True)
class ChipTensor:
    """An input or output: its value is the integer times ``2 ** exponent``.

    Attributes:
        name: in the file.
        bits: 8 or 16, signed.
        exponent: of two.
        shape: (1, height, width, channels), as the chip stores it.
        order: what the channels are; empty where nobody knows.
    """

    name: str
    bits: int
    exponent: int
    shape: tuple[int, ...]
    order: str = ""

    @property
    def limits(self) -> tuple[int, int]:
        """Least and largest integer."""
        return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1

    def quantise(self, values: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
        """Return the integers for values, such as pixels divided by 255.

        No byte lies half way between two integers, so it does not matter how a chip rounds halves.
        """
        low, high = self.limits
        return np.asarray(np.clip(np.rint(values * 2.0**-self.exponent), low, high), np.int32)

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        found = {"type": f"int{self.bits}", "exponent": self.exponent, "shape": list(self.shape), "layout": "NHWC"}
        return found | ({"channels": self.order} if self.order else {})


def channel_order(name: str, channels: int, names: Collection[str]) -> str:
    """Return what the channels of an output are; empty where nobody knows.

    Args:
        name: of the output.
        channels: how many it has.
        names: of all outputs: without anchors the classes have no place for their number.
    """
    if name == _ONE_BOX_A_CELL:
        last = channels // 4 - 1
        return f"j*{last + 1}+k, j = l, t, r, b, k = 0 .. {last}" if last else "l, t, r, b"
    if name == "cls" and _ONE_BOX_A_CELL in names:
        return "c = class"
    return _ORDERS.get(name, _JOINED if name.startswith("txtywh_") else "")


def chip_tensors(graph: Any) -> tuple[ChipTensor, list[ChipTensor]]:
    """Return the input and the outputs of a quantised graph of esp-ppq.

    Raises:
        ValueError: more than one input, or a scale that is no power of two.
    """
    (name,) = graph.inputs
    variable = graph.inputs[name]
    user = variable.dest_ops[0]
    source = _tensor(name, variable.shape, user.config.input_quantization_config[user.inputs.index(variable)])
    outputs = []
    for name, variable in graph.outputs.items():
        maker = variable.source_op
        config = maker.config.output_quantization_config[maker.outputs.index(variable)]
        tensor = _tensor(name, variable.shape, config)
        outputs.append(replace(tensor, order=channel_order(name, tensor.shape[-1], graph.outputs)))
    return source, outputs


def _tensor(name: str, shape: Any, config: Any) -> ChipTensor:
    scale = float(config.scale)
    fraction, exponent = math.frexp(scale)
    if fraction != 0.5:
        raise ValueError(f"{name}: its scale {scale} is no power of two")
    sides = [int(side) for side in shape]
    last = (1, *sides[2:], sides[1]) if len(sides) == 4 else (1, *sides[1:])
    return ChipTensor(name, int(config.num_of_bits), exponent - 1, last)
