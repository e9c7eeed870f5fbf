"""Where the decoder finds each field of each anchor: all outputs lie in one map, fields at a start and a step."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.decode import HeadLayout
from uhd.errors import UserError
from uhd.export.c.network import Copy, Network

RAW = "raw"


@dataclass(frozen=True)
class Field:
    """Channel of a field: ``start + anchor * step``."""

    start: int
    step: int


def join_outputs(network: Network) -> None:
    """Let every output tensor be a slice of one map named ``raw``."""
    offset = 0
    for name in network.output_tensors():
        if name in network.slices or network.consumers(name) or name == network.input:
            copied = f"{name}/output"
            network.shapes[copied] = network.shapes[name]
            network.layers.append(Copy([name], copied))
            for channels in network.outputs.values():
                channels[:] = [(copied if tensor == name else tensor, channel) for tensor, channel in channels]
            name = copied
        network.slices[name] = (RAW, offset)
        offset += network.shapes[name][2]
    height, width, _ = network.shapes[network.output_tensors()[0]]
    if any(network.shapes[name][:2] != (height, width) for name in network.output_tensors()):
        raise UserError("outputs of different sizes cannot be written as C")
    network.shapes[RAW] = (height, width, offset)


def fields_of(network: Network, layout: HeadLayout) -> dict[str, Field]:
    """Return the fields ``tx ty tw th`` and those of ``obj quality cls`` that the network computes.

    Raises:
        UserError: the channels of a field are not at equal steps, or a branch that the score needs is missing.
    """
    count = layout.num_anchors
    found = {}
    for name, channels in network.outputs.items():
        places = [network.slices[tensor][1] + channel for tensor, channel in channels]
        each = len(places) // count
        if name == "cls" and any(places[a * each + c] != places[a * each] + c for a in range(count) for c in range(each)):
            raise UserError("the class channels are not side by side; this network cannot be written as C")
        for j, field in enumerate(("tx", "ty", "tw", "th") if name == "box" else (name,)):
            column = places[j::each]
            step = column[1] - column[0] if count > 1 else 0
            if any(column[a] != column[0] + a * step for a in range(count)):
                raise UserError(f"the channels of {field} are not at equal steps; this network cannot be written as C")
            found[field] = Field(column[0], step)
    missing = [part for part in layout.score_mode.split("_") if part not in found]
    if missing:
        raise UserError(f"the score {layout.score_mode} needs {', '.join(missing)}, which the network does not compute")
    return found
