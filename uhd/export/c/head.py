"""Where the decoder finds each field of each anchor: all outputs lie in one map, fields at a start and a step."""

from __future__ import annotations

from dataclasses import dataclass

from uhd.errors import UserError
from uhd.export.c.network import Copy, Network
from uhd.heads import HeadLayout

RAW = "raw map"
Channels = list[tuple[str, int]]  # tensor and channel there
_BESIDE = ("cls", "attr")  # fields whose channels stand side by side


@dataclass(frozen=True)
class Field:
    """Channel of a field: ``start + anchor * step``."""

    start: int
    step: int


def split_fields(channels: Channels, layout: HeadLayout, has_obj: bool = True) -> dict[str, Channels]:
    """Divide the channels of a concatenated map, anchor by anchor, into ``box``, ``obj``, ``quality`` and ``cls``.

    Only what the score needs is returned.
    """
    sizes = {name: count for name, count in layout.fields.items() if has_obj or name != "obj"}
    each = sum(sizes.values())
    found: dict[str, Channels] = {}
    start = 0
    for name, size in sizes.items():
        if name == "box" or name in layout.score_mode.split("_"):
            anchors = range(layout.num_anchors)
            found[name] = [channels[a * each + start + j] for a in anchors for j in range(size)]
        start += size
    return found


def join_outputs(network: Network) -> None:
    """Let every output tensor be a slice of one map named ``raw map``.

    Raises:
        UserError: outputs of different sizes.
    """
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


def contiguous_of(network: Network, name: str) -> int:
    """Return the first channel of a map whose channels stand side by side in ``raw map``.

    Raises:
        UserError: they do not.
    """
    places = _places(network, name)
    if places != list(range(places[0], places[0] + len(places))):
        raise UserError(f"the channels of {name} are not side by side; this network cannot be written as C")
    return places[0]


def fields_of(network: Network, layout: HeadLayout) -> dict[str, Field]:
    """Return the fields ``tx ty tw th`` and those of ``obj quality cls attr`` that the network computes.

    Raises:
        UserError: the channels of a field are not at equal steps, or a branch that the score needs is missing.
    """
    count = layout.num_anchors
    found = {}
    for name in network.outputs:
        places = _places(network, name)
        each = len(places) // count
        if name in _BESIDE and any(places[i] != places[i - i % each] + i % each for i in range(len(places))):
            raise UserError(f"the channels of {name} are not side by side; this network cannot be written as C")
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


def _places(network: Network, name: str) -> list[int]:
    return [network.slices[tensor][1] + channel for tensor, channel in network.outputs[name]]
