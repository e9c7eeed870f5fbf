"""From an exported graph to a simplified layer list, with how its outputs are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.export.c.decoders import AnchorDecoder, CenterNetDecoder, Decoder, LtrbDecoder
from uhd.export.c.head import join_outputs, split_fields
from uhd.export.c.network import Network
from uhd.export.c.read_graph import read_graph
from uhd.export.c.simplify import simplify
from uhd.export.onnx_file import read_onnx
from uhd.heads import CenterNetLayout, LtrbLayout
from uhd.resize import input_channels
from uhd.runtime.outputs import ROWS, head_of
from uhd.runtime.raw_output import ATTRIBUTES, CONSTANTS, read_layout


@dataclass(frozen=True)
class Opened:
    """A model ready to be written.

    Attributes:
        network: simplified, its outputs joined in one map.
        decoder: how that map is read.
        spec: how images become the input, and the default thresholds.
    """

    network: Network
    decoder: Decoder
    spec: ModelSpec


def open_onnx(path: Path) -> Opened:
    """Open an ONNX file with separate outputs, raw or in parts.

    Raises:
        UserError: not such a file, or an operator that cannot be written as C.
    """
    return open_graph(read_onnx(path), str(path))


def open_graph(graph: onnx.ModelProto, where: str, spec: ModelSpec | None = None) -> Opened:
    """Open a graph with separate outputs; without ``spec`` its metadata says how it is fed.

    Raises:
        UserError: outputs of another form, or an operator that cannot be written as C.
    """
    table = {prop.key: prop.value for prop in graph.metadata_props}
    if any(node.op_type in ("QuantizeLinear", "QLinearConv") for node in graph.graph.node):
        raise UserError(f"{where}: is quantised already; give the float file or the checkpoint, and --int8")
    feed = graph.graph.input[0]
    shape = [size.dim_value for size in feed.type.tensor_type.shape.dim]
    if feed.type.tensor_type.elem_type != onnx.TensorProto.FLOAT or len(shape) != 4 or shape[0] != 1 or 0 in shape:
        raise UserError(f"{where}: C needs one float image of a fixed size; this file takes {feed.name} {shape}")
    if spec is None:
        spec = _spec(table, shape, where)
    try:
        return _open(graph, table, spec, where)
    except ValueError as error:
        raise UserError(f"{where}: cannot be written as C: {error}") from None


def _open(graph: onnx.ModelProto, table: dict[str, str], spec: ModelSpec, where: str) -> Opened:
    outputs = [output.name for output in graph.graph.output]
    if (kind := head_of(outputs)) in DECODERS:
        network = read_graph(graph, [name for name in outputs if name not in CONSTANTS])
        decoder = DECODERS[kind](network, graph, table)
    elif kind is not None:
        raise UserError(f"{where}: C has no decoder of the head {kind}; it has {', '.join(map(str, DECODERS))}")
    elif ROWS in outputs:
        raise UserError(f"{where}: has merged outputs; give the checkpoint, or a file of --no-merge-postprocess")
    else:
        raise UserError(f"{where}: outputs {', '.join(outputs)} are not those of a detector with separate outputs")
    simplify(network)
    join_outputs(network)
    return Opened(network, decoder, spec)


def _anchor(network: Network, graph: onnx.ModelProto, table: dict[str, str]) -> Decoder:
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    tensors = {name: np.zeros((1, len(maps), 1, 1), np.float32) for name, maps in network.outputs.items()}
    tensors |= {name: _constant(graph, constants, name) for name in CONSTANTS}
    decoder = AnchorDecoder(read_layout(tensors, table))
    _name_fields(network, decoder)
    return decoder


def _centernet(network: Network, graph: onnx.ModelProto, table: dict[str, str]) -> Decoder:
    del graph
    layout = CenterNetLayout.from_metadata(table)
    return CenterNetDecoder(len(network.outputs["hm"]), layout.topk, layout.peaks)


def _ltrb(network: Network, graph: onnx.ModelProto, table: dict[str, str]) -> Decoder:
    del graph
    return LtrbDecoder(len(network.outputs["cls"]), LtrbLayout.from_metadata(table).reg_max)


# By kind of head (:mod:`uhd.heads`): network, which may get other outputs, the graph it is of, its metadata -> decoder.
DECODERS: dict[str | None, Callable[[Network, onnx.ModelProto, dict[str, str]], Decoder]] = {
    "anchor": _anchor,
    "centernet": _centernet,
    "ltrb": _ltrb,
}


def _name_fields(network: Network, decoder: AnchorDecoder) -> None:
    """Let outputs be ``box``, ``obj``, ... however the file names and joins them; drop what the score does not need."""
    layout, needed = decoder.layout, {"box", "attr", *decoder.layout.score_mode.split("_")}
    for name in list(network.outputs):
        channels = network.outputs.pop(name)
        if name in ATTRIBUTES:
            network.outputs["attr"] = channels
        elif name.endswith("_x8"):
            network.outputs |= split_fields(channels, layout, "obj" in name.split("_"))
        elif name in needed:
            network.outputs[name] = channels


def _constant(graph: onnx.ModelProto, constants: dict[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    for node in graph.graph.node:
        if name in node.output:
            if node.op_type == "Constant":
                return np.asarray(numpy_helper.to_array(node.attribute[0].t), np.float32)
            if node.op_type == "Identity":
                return _constant(graph, constants, node.input[0])
    if name not in constants:
        raise ValueError(f"{name} is not a constant")
    return np.asarray(constants[name], np.float32)


def _spec(table: dict[str, str], shape: list[int], where: str) -> ModelSpec:
    if not table.get("resize_mode"):
        raise UserError(f"{where}: does not say how images are resized, so C cannot either; give the checkpoint")
    try:
        spec = ModelSpec.from_metadata(table, input_size=(shape[2], shape[3]))
    except (ValueError, TypeError) as error:
        raise UserError(f"{where}: its metadata cannot be read: {error}") from None
    if input_channels(spec.resize_mode) != shape[1]:
        raise UserError(f"{where}: takes {shape[1]} channels but {spec.resize_mode} gives another number")
    return spec
