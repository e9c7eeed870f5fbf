"""Which nodes are computed in 16 bits: by pattern, by recipe, or every depthwise convolution."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import onnx

from uhd.errors import UserError
from uhd.export.onnx.node_names import aliases, match

ACTIVATIONS = frozenset({"Relu", "Clip", "Sigmoid", "HardSigmoid", "LeakyRelu", "PRelu", "Elu", "HardSwish", "Swish"})


@dataclass(frozen=True)
class Int16:
    """Nodes in 16 bits.

    Attributes:
        nodes: their names.
        warnings: patterns without a match and half-converted layers, one line each.
    """

    nodes: frozenset[str]
    warnings: tuple[str, ...] = ()


def choose_int16(
    model: onnx.ModelProto,
    patterns: Sequence[str] = (),
    optional: Sequence[str] = (),
    depthwise: bool = False,
    strict: bool = False,
) -> Int16:
    """Find the nodes that patterns name.

    Args:
        model: the graph.
        patterns: regular expressions that must match.
        optional: those of a recipe, which spans model variants: only a recipe that matches nothing at all is an error.
        depthwise: add depthwise convolutions with their activations.
        strict: a pattern without a match is an error.

    Raises:
        UserError: no pattern matches, or with ``strict`` one does not.
    """
    names = [node.name for node in model.graph.node if node.name]
    found: set[str] = set()
    warnings: list[str] = []
    for pattern in patterns:
        hits = match(pattern, names)
        found.update(hits)
        if not hits:
            warnings.append(_unmatched(pattern, names))
    if warnings and (strict or len(warnings) == len(patterns)):
        raise UserError("; ".join(warnings))
    absent = [pattern for pattern in optional if not match(pattern, names)]
    found.update(name for pattern in optional for name in match(pattern, names))
    if absent and len(absent) == len(optional):
        raise UserError(f"the recipe names no node of this model: {_unmatched(absent[0], names)}")
    if absent:
        warnings.append(f"not in this model, passed over: {', '.join(absent)}")
    if depthwise:
        dw = depthwise_nodes(model)
        if not dw:
            warnings.append("--auto-int16-depthwiseconv: the model has no depthwise convolution")
        found |= dw
    return Int16(frozenset(found), (*warnings, *_half_converted(model, found)))


def mixed_outputs(model: onnx.ModelProto, chosen: AbstractSet[str]) -> tuple[str, ...]:
    """Return a warning where box and quality are of different width: firmware reads quality with the type of box."""
    makers = {name: node.name for node in model.graph.node for name in node.output if name in ("box", "quality")}
    wide = [name for name, node in makers.items() if node in chosen]
    if len(makers) < 2 or len(wide) != 1:
        return ()
    nodes = " and ".join(makers.values())
    return (
        f"only {wide[0]} is in 16 bits: firmware that reads quality with the type of box misreads it; "
        f"name {nodes} with --int16-op-pattern",
    )


def depthwise_nodes(model: onnx.ModelProto) -> set[str]:
    """Return the names of depthwise convolutions and of the activations that read them."""
    weights = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    found: set[str] = set()
    outputs: set[str] = set()
    for node in model.graph.node:
        if node.op_type == "Conv" and len(node.input) > 1:
            groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
            shape = weights.get(node.input[1], ())
            if groups > 1 and len(shape) > 1 and shape[1] == 1:
                found.add(node.name)
                outputs.update(node.output)
        elif outputs & set(node.input) and (node.op_type in ACTIVATIONS or node.op_type == "BatchNormalization"):
            found.add(node.name)
            if node.op_type == "BatchNormalization":
                outputs.update(node.output)
    return found


def _unmatched(pattern: str, names: Sequence[str]) -> str:
    plain = min(aliases(pattern), key=len)
    near = difflib.get_close_matches(plain, [name.removeprefix("/depthwiseconv") for name in names], n=3, cutoff=0.6)
    real = [next(name for name in names if name.endswith(each)) for each in near]
    hint = f"; near it: {', '.join(real)}" if real else ", and nothing is named like it"
    tried = [alias for alias in aliases(pattern) if alias != pattern]
    also = f" (nor as {', '.join(tried)})" if tried else ""
    return f"--int16-op-pattern {pattern} matches no node{also}{hint}"


def _half_converted(model: onnx.ModelProto, chosen: set[str]) -> list[str]:
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    lines = []
    for node in model.graph.node:
        next_nodes = [reader for output in node.output for reader in readers.get(output, [])]
        if node.op_type != "Conv" or len(next_nodes) != 1 or next_nodes[0].op_type not in {"Relu", "Clip"}:
            continue
        act = next_nodes[0].name
        if (node.name in chosen) != (act in chosen):
            inside, outside = (node.name, act) if node.name in chosen else (act, node.name)
            lines.append(f"{inside} is in 16 bits but {outside} is not, so they cannot be fused: name both")
    return lines
