"""A graph as a few blocks: its nodes, grouped by the module that their names carry."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import onnx

from uhd.compress.int8.layers import layers_of, needed_by_layers
from uhd.export.onnx.profile import profile_onnx
from uhd.export.onnx_file import read_onnx

# Modules that hold blocks; what stands directly in them is a step of its own.
_CONTAINERS = ("backbone", "encoder", "decoder")
_SKIPPED = ("depthwiseconv", "model", "head")


@dataclass
class Block:
    """Nodes of one module.

    Attributes:
        title: name of the module, or the operator of a single step.
        shape: of what it gives last, without the batch.
        params: elements of its constants.
        flops: for one image.
        after: keys of the blocks whose outputs it takes.
    """

    title: str
    shape: tuple[int, ...] = ()
    params: int = 0
    flops: int = 0
    after: list[str] = field(default_factory=list)


def blocks_of(path: Path) -> dict[str, Block]:
    """Return the blocks of an ONNX file by key, in the order of the graph, from its inputs to its outputs.

    Raises:
        UserError: not an ONNX file.
    """
    costs = {row.name: row for row in profile_onnx(path)}
    graph = read_onnx(path)
    layers, needed = set(layers_of(graph)), needed_by_layers(graph)
    blocks, maker = dict[str, Block](), dict[str, str]()
    constants = {tensor.name for tensor in graph.graph.initializer}
    for value in graph.graph.input:
        blocks[value.name] = Block(value.name, _shape(value))
        maker[value.name] = value.name
    for node in graph.graph.node:
        inside = node.name in layers or bool(needed.intersection(node.output))
        key, title = _place(node) if inside else ("decode", "decode")
        sources = [maker[name] for name in node.input if name in maker]
        if node.op_type == "Constant" or (not sources and all(name in constants for name in node.input)):
            continue  # a constant belongs to whatever uses it
        if not sources and key not in blocks:
            continue
        block = blocks.setdefault(key, Block(title))
        block.after += [each for each in dict.fromkeys(sources) if each != key and each not in block.after]
        row = costs.get(node.name)
        if row is not None:
            block.params, block.flops = block.params + row.params, block.flops + row.flops
            block.shape = row.output[1:] or block.shape
        maker |= dict.fromkeys(node.output, key)
    for value in graph.graph.output:
        if value.name in maker:  # a constant output is no result of the network
            blocks[f"output {value.name}"] = Block(value.name, _shape(value), after=[maker[value.name]])
    if "decode" in blocks:
        blocks["decode"].shape = ()
    return blocks


def _place(node: onnx.NodeProto) -> tuple[str, str]:
    modules = [part for part in node.name.strip("/").split("/") if part not in _SKIPPED][:-1]
    depth = 2 if modules and modules[0] in _CONTAINERS else 1
    if len(modules) < depth:
        return node.name, node.op_type
    key = "/".join(modules[:depth])
    return key, key


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)[1:]
