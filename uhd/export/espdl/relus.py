"""Relus that storing the result does, so that it is stored with all codes.

ESP-DL has no zero points: what is never negative uses the upper half of the codes. Less half its range it uses all of
them, in steps half as large; then the lowest code cuts what the Relu cut, and what was taken off is in the biases, of
the layer and, times the sum of their weights, of its readers. Where a reader pads with zeros this does not hold: its
zeros would be the middle of the range.

A Clip is left alone: with twice the codes its end, where many values lie, is between two of them.
The sums of the readers grow by it, so it needs accumulators as wide as the bias that the chip stores: 32 bits on the
P4. The S3 has 20.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx
import torch

from uhd.export.espdl.rounding import rounded

_SUM_BITS = 32  # of a reader's accumulators, as of its bias


@dataclass(frozen=True)
class StoredRelus:
    """What was taken out of a graph.

    Attributes:
        offsets: by name of the convolution, what its output is stored less.
        nodes: the Relus that are gone.
    """

    offsets: Mapping[str, float]
    nodes: frozenset[str]


def store_relus(graph: Any) -> StoredRelus:
    """Take every Relu out that storing can do, in place.

    Args:
        graph: of esp-ppq, calibrated in 8 bits, with weights that are not rounded yet.
    """
    offsets: dict[str, float] = {}
    nodes = set()
    for operation in list(graph.operations.values()):
        layer = _stored_by(operation, graph.outputs)
        if layer is None:
            continue
        stored = operation.config.output_quantization_config[0]
        half = stored.scale / 2
        offset = -stored.quant_min * float(half)
        readers = operation.outputs[0].dest_ops
        layer.inputs[2].value = layer.inputs[2].value - offset
        stored.scale = half
        for reader in readers:
            _, how, bias = reader.config.input_quantization_config
            weights, biases = reader.inputs[1].value, reader.inputs[2].value
            sums = rounded(weights, how).reshape(len(weights), -1).sum(1)
            reader.inputs[2].value = biases + offset * torch.from_numpy(sums).to(biases)
            bias.scale = bias.scale / 2  # the input's step times the weights'
        layer.config.output_quantization_config[0] = stored
        graph.remove_operation(operation, keep_coherence=True)
        offsets[layer.name] = offset
        nodes.add(operation.name)
    return StoredRelus(offsets, frozenset(nodes))


def without_nodes(model: onnx.ModelProto, nodes: frozenset[str]) -> onnx.ModelProto:
    """Return a copy of a graph without these nodes, whose readers read what the nodes read.

    Args:
        model: for esp-ppq: only the quantised graph computes what it did.
        nodes: with one output each, no output of the graph.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    gone = [node for node in changed.graph.node if node.name in nodes]
    read = {node.output[0]: node.input[0] for node in gone}
    for node in gone:
        changed.graph.node.remove(node)
    for node in changed.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = read.get(name, name)
    return changed


def _stored_by(operation: Any, outputs: Mapping[str, Any]) -> Any:
    """Return the convolution whose result is stored after this Relu, where storing can do it; else None."""
    if operation.type != "Relu" or not hasattr(operation, "config"):
        return None
    layer, result = operation.inputs[0].source_op, operation.outputs[0]
    stored = operation.config.output_quantization_config[0]
    if stored.num_of_bits != 8 or not stored.is_revisable() or not _has_bias(layer) or not result.dest_ops:
        return None
    if {result.name, layer.outputs[0].name} & set(outputs):
        return None  # whoever reads it there knows of no offset
    if len(layer.outputs[0].dest_ops) > 1 or not all(_reads_unpadded(each) for each in result.dest_ops):
        return None
    return layer


def _has_bias(layer: Any) -> bool:
    return layer is not None and layer.type == "Conv" and layer.num_of_parameter > 1 and hasattr(layer, "config")


def _reads_unpadded(reader: Any) -> bool:
    if not _has_bias(reader):
        return False
    read, _, bias = reader.config.input_quantization_config
    padded = any(reader.attributes.get("pads", ())) or reader.attributes.get("auto_pad", "NOTSET") != "NOTSET"
    return bool(read.num_of_bits == 8 and bias.num_of_bits >= _SUM_BITS and not padded)
