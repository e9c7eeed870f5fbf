"""A trained detector as one C99 header and source: static memory, no library, image in, boxes out."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from uhd.decode import HeadLayout
from uhd.errors import UserError
from uhd.export.c.emit import Files, emit, identifier
from uhd.export.c.float32 import FloatWriter
from uhd.export.c.head import join_outputs
from uhd.export.c.memory import share_in_place
from uhd.export.c.network import Network
from uhd.export.c.preprocess import levels
from uhd.export.c.simplify import simplify
from uhd.files import save_atomic
from uhd.runtime.spec import ModelSpec

if TYPE_CHECKING:
    from uhd.models.network import AnchorNetwork

__all__ = ["export_c", "layers_of"]


def export_c(model: AnchorNetwork, path: Path, spec: ModelSpec) -> Files:
    """Write ``NAME.c`` and ``NAME.h``, where NAME is the stem of ``path`` and the prefix of every public name.

    Args:
        model: any mode, any device; it is not changed.
        path: the ``.c`` file.
        spec: how images become the input, and the default thresholds.

    Returns:
        The texts, with their memory.

    Raises:
        UserError: a network that cannot be written as C, or the files cannot be written.
    """
    name = identifier(path.stem)
    network, layout = layers_of(model, spec)
    join_outputs(network)
    share_in_place(network)
    writer = FloatWriter(network, 1 / levels(spec.resize_mode))
    notes = {
        "network": f"{spec.arch}, {spec.input_size[0]}x{spec.input_size[1]}, {spec.resize_mode}, "
        f"{network.macs() / 1e6:.1f} million multiply-adds",
        "numbers": "float32",
    }
    files = emit(name, network, writer, layout, spec, notes)
    save_atomic(path.with_suffix(".h"), lambda place: place.write_text(files.header, encoding="utf-8"))
    save_atomic(path, lambda place: place.write_text(files.source, encoding="utf-8"))
    return files


def layers_of(model: AnchorNetwork, spec: ModelSpec) -> tuple[Network, HeadLayout]:
    """Return the simplified layer list of a model, without branches that the score does not need, and its layout.

    Raises:
        UserError: an operator that cannot be written as C, or a size or mode that does not fit the model.
    """
    from uhd.export.c.read_graph import read_graph
    from uhd.export.onnx import export_onnx
    from uhd.models.ultratinyod import UltraTinyOD

    if not isinstance(model, UltraTinyOD):
        raise UserError(f"{getattr(model, 'arch', 'this network')} cannot be written as C yet")
    with tempfile.TemporaryDirectory() as folder:
        graph = export_onnx(model, Path(folder) / "parts.onnx", spec, form="parts")
    maps = [output.name for output in graph.graph.output if output.name not in ("anchors", "wh_scale")]
    network = simplify(read_graph(graph, maps))
    return network, dataclasses.replace(model.layout())
