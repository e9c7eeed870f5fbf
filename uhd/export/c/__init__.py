"""A trained detector as one C99 header and source: static memory, no library, image in, boxes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uhd.export.c.correct_bias import correct_biases
from uhd.export.c.emit import Files, Writer, emit
from uhd.export.c.float32 import FloatWriter
from uhd.export.c.int8 import Int8Writer
from uhd.export.c.memory import share_in_place
from uhd.export.c.preprocess import levels
from uhd.export.c.quantise import calibrate, float_outputs
from uhd.export.c.written_here import remember
from uhd.files import save_atomic

if TYPE_CHECKING:
    from uhd.export.c.open_model import Opened

_AT_ONCE = 64  # images that biases are corrected on, all in memory

__all__ = ["Files", "export_c", "export_c_int8", "write"]


def export_c(opened: Opened, path: Path, prefix: str = "") -> Files:
    """Write a model in float32 as ``NAME.c`` and ``NAME.h``.

    Args:
        opened: from :mod:`uhd.export.c.open_model`; used up.
        path: the ``.c`` file; NAME is its stem.
        prefix: of every public name; NAME if empty.

    Returns:
        The texts, with their memory.

    Raises:
        UserError: a network that cannot be written as C, or the files cannot be written.
    """
    share_in_place(opened.network)
    return write(opened, FloatWriter(opened.network, 1 / levels(opened.spec.resize_mode)), "float32", path, prefix)


def export_c_int8(
    opened: Opened, path: Path, images: NDArray[np.float32], share: float = 1.0, prefix: str = ""
) -> Files:
    """Write a model with int8 weights, one step for each channel, and uint8 maps; see :func:`export_c`.

    The last convolutions give float, so decoding and scores are not rounded.

    Args:
        opened: from :mod:`uhd.export.c.open_model`; used up.
        path: the ``.c`` file.
        images: (n, C, h, w) float32 network inputs that show the range of every map.
        share: of a map's values that its range holds, averaged over images; 1 takes the whole range of all images.
        prefix: of every public name.
    """
    step = 1 / levels(opened.spec.resize_mode)
    float_outputs(opened.network)
    inputs = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    grids = calibrate(opened.network, inputs, step, share)
    correct_biases(opened.network, grids, inputs[:: max(1, len(inputs) // _AT_ONCE)][:_AT_ONCE])
    share_in_place(opened.network)
    return write(opened, Int8Writer(opened.network, grids), "int8", path, prefix)


def write(opened: Opened, writer: Writer, numbers: str, path: Path, prefix: str = "") -> Files:
    """Write header and source with the kernels of a number format; see :func:`export_c`."""
    spec = opened.spec
    notes = {
        "network": f"{spec.arch}, {spec.input_size[0]}x{spec.input_size[1]}, {spec.resize_mode}, "
        f"{opened.network.macs() / 1e6:.1f} million multiply-adds",
        "numbers": numbers,
    }
    files = emit(path.stem, opened.network, writer, opened.decoder, spec, notes, prefix)
    save_atomic(path.with_suffix(".h"), lambda place: place.write_text(files.header, encoding="utf-8"))
    save_atomic(path, lambda place: place.write_text(files.source, encoding="utf-8"))
    remember(path)
    return files
