"""Pieces of C source: constants as text, and a file of kernels of which only those that are called are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WIDTH = 100
_TYPES = {"float32": "float", "int8": "int8_t", "int32": "int32_t", "uint8": "uint8_t", "int16": "int16_t"}


@dataclass(frozen=True)
class Kernel:
    """A static function.

    Attributes:
        name: of the function.
        source: its C text.
        needs: names of the kernels it calls.
    """

    name: str
    source: str
    needs: tuple[str, ...] = ()


def number(value: float) -> str:
    """Return a float constant that reads back to the same float32; infinities become the largest floats."""
    if np.isinf(value):
        value = float(np.copysign(np.finfo(np.float32).max, value))
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if re.search(r"[.e]", text) else f"{text}.0f"


def table(name: str, values: NDArray[Any]) -> str:
    """Return the definition of a constant array."""
    kind = values.dtype.name
    flat = values.reshape(-1)
    if kind == "float32":
        texts = [number(value) for value in flat]
    else:
        # The most negative 32-bit number cannot be written as a C constant of its own type.
        texts = [str(int(value)) if value > -(2**31) else "-2147483647 - 1" for value in flat]
    return f"static const {_TYPES[kind]} {name}[{len(flat)}] = {{\n{_wrapped(texts)}\n}};\n"


def _wrapped(texts: Sequence[str]) -> str:
    lines, line = [], ""
    for text in texts:
        if len(line) + len(text) + 1 > _WIDTH:
            lines.append(line)
            line = ""
        line += text + ","
    return "\n".join([*lines, line])


def wanted(kernels: Sequence[Kernel], names: Iterable[str]) -> list[Kernel]:
    """Return the kernels that these need, themselves included, in the order of the file."""
    by_name = {kernel.name: kernel for kernel in kernels}
    found: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += by_name[name].needs
    return [kernel for kernel in kernels if kernel.name in found]


def one_line(text: str) -> str:
    """Return text that can stand in a C comment."""
    return " ".join(text.replace("*/", "* /").split())
