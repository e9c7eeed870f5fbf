"""An exported graph made ready for esp-ppq: constants put aside, unconnected outputs dropped, groups expanded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from uhd.errors import UserError
from uhd.export.onnx.form import FORMS
from uhd.export.onnx.rewrite import name_depthwise
from uhd.runtime.raw_output import CONSTANTS

MERGED = "score_classid_cxcywh"
DECODED = frozenset(FORMS) - {"raw", "parts"}


@dataclass(frozen=True, eq=False)
class Prepared:
    """A graph that esp-ppq takes.

    Attributes:
        model: without constant outputs.
        constants: ``anchors`` and ``wh_scale`` (A, 2), where the file has them.
        metadata: of the file.
        input_shape: (1, channels, height, width).
        notes: what was changed, for people.
    """

    model: onnx.ModelProto
    constants: Mapping[str, NDArray[np.float32]]
    metadata: Mapping[str, str]
    input_shape: tuple[int, int, int, int]
    notes: tuple[str, ...]


def prepare(source: onnx.ModelProto, where: str = "model", expand_groups: bool = False) -> Prepared:
    """Make a graph ready; the source is not changed.

    Args:
        source: one image input of fixed size, batch 1.
        where: named in errors.
        expand_groups: turn grouped convolutions into dense ones with zeros between the groups.

    Raises:
        UserError: post-processing inside, more than one input, or a size that is not fixed.
    """
    model = onnx.ModelProto()
    model.CopyFrom(source)
    graph, notes = model.graph, []
    values = {tensor.name: tensor for tensor in graph.initializer}
    metadata = {prop.key: prop.value for prop in model.metadata_props}
    # The original's files do not say their form.
    if metadata.get("form") in DECODED or any(output.name == MERGED for output in graph.output):
        raise UserError(
            f"{where}: has its post-processing inside, which ESP-DL does not run; export it with "
            "--no-merge-postprocess --noconcat-box-obj-quality-cls, or give the .safetensors or .pt file"
        )
    constants = {name: numpy_helper.to_array(values[name]).astype(np.float32) for name in CONSTANTS if name in values}
    made = {name for node in graph.node for name in node.output}
    used = {name for node in graph.node for name in node.input}
    for entries, keep, what in ((graph.output, made, "output"), (graph.input, used - set(values), "input")):
        kept = [entry for entry in entries if entry.name in keep]
        dropped = [entry.name for entry in entries if entry.name not in keep and entry.name not in values]
        notes += [f"unconnected {what} {name} dropped" for name in dropped]
        del entries[:]
        entries.extend(kept)
    kept_values = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept_values)
    if expand_groups and (count := _expand_groups(model)):
        notes.append(f"{count} grouped convolutions made dense")
    elif not expand_groups:
        name_depthwise(model)
    for index, node in enumerate(graph.node):
        # esp-ppq tells nodes apart by name.
        node.name = node.name or f"/{node.op_type}_{index}"
    return Prepared(model, constants, metadata, _input_shape(model, where), tuple(notes))


def _input_shape(model: onnx.ModelProto, where: str) -> tuple[int, int, int, int]:
    if len(model.graph.input) != 1:
        names = ", ".join(entry.name for entry in model.graph.input)
        raise UserError(f"{where}: has {len(model.graph.input)} inputs ({names}); a detector has one")
    shape = tuple(dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    if len(shape) != 4 or min(shape) < 1:
        raise UserError(f"{where}: its input size is not fixed; export it without --dynamic-resize")
    if shape[0] != 1:
        raise UserError(f"{where}: takes {shape[0]} images at once; ESP-DL needs a model with batch 1")
    return shape[0], shape[1], shape[2], shape[3]


def _expand_groups(model: onnx.ModelProto) -> int:
    values = {tensor.name: tensor for tensor in model.graph.initializer}
    count = 0
    for node in model.graph.node:
        group = next((attribute for attribute in node.attribute if attribute.name == "group"), None)
        if node.op_type != "Conv" or group is None or group.i <= 1 or node.input[1] not in values:
            continue
        weight = numpy_helper.to_array(values[node.input[1]])
        out, inner = weight.shape[:2]
        dense = np.zeros((out, inner * group.i, *weight.shape[2:]), weight.dtype)
        step = out // group.i
        for g in range(group.i):
            dense[g * step : (g + 1) * step, g * inner : (g + 1) * inner] = weight[g * step : (g + 1) * step]
        values[node.input[1]].CopyFrom(numpy_helper.from_array(dense, node.input[1]))
        group.i = 1
        count += 1
    return count
