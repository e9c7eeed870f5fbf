"""Where every tensor lies in one static arena: tensors that are never needed at the same time share bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from uhd.export.c.network import Add, Copy, Gate, Layer, Network, Shape

ALIGNMENT = 16


@dataclass(frozen=True)
class Plan:
    """Places in the arena.

    Attributes:
        offsets: first byte of each tensor that is not a slice of another.
        scratch: first byte of the working memory of a layer, by the layer's output.
        size: bytes of the arena.
    """

    offsets: dict[str, int]
    scratch: dict[str, int]
    size: int


def share_in_place(network: Network) -> None:
    """Let sums, gates and copies write over their first input when nothing reads it later."""
    whole = {parent for parent, _ in network.slices.values()}
    for position, layer in enumerate(network.layers):
        if not isinstance(layer, Add | Gate | Copy) or layer.output in network.slices or layer.output in whole:
            continue
        if isinstance(layer, Add) and not _dies(network, layer.inputs[0], position):
            layer.inputs.reverse()
        name = layer.inputs[0]
        fits = network.shapes[name] == network.shapes[layer.output] and name not in layer.inputs[1:]
        if fits and name not in whole and name not in network.slices and _dies(network, name, position):
            network.slices[layer.output] = (name, 0)
            whole.add(name)
        elif isinstance(layer, Add) and network.shapes[name] != network.shapes[layer.output]:
            layer.inputs.reverse()


def _dies(network: Network, name: str, position: int) -> bool:
    if name == network.input or name in network.output_tensors():
        return False
    return not any(name in layer.inputs for layer in network.layers[position + 1 :])


def plan(network: Network, sizes: Mapping[str, int], scratch: Mapping[str, int], kept: Mapping[str, int]) -> Plan:
    """Place tensors greedily, the largest first, each at the lowest free offset.

    Args:
        network: layer list.
        sizes: bytes of each tensor that is not a slice.
        scratch: bytes that a layer needs while it runs, by its output.
        kept: bytes of memory needed after the last layer, by name.
    """
    end = len(network.layers)
    lives: dict[str, tuple[int, int]] = {network.input: (-1, -1)}
    for position, layer in enumerate(network.layers):
        for name in (*layer.inputs, layer.output):
            home = network.home(name)[0]
            first, _ = lives.get(home, (position, position))
            lives[home] = (first, position)
    for name in network.output_tensors():
        home = network.home(name)[0]
        lives[home] = (lives[home][0], end)
    blocks = [(size, lives[name], ("tensor", name)) for name, size in sizes.items()]
    positions = {layer.output: position for position, layer in enumerate(network.layers)}
    blocks += [(size, (positions[name], positions[name]), ("scratch", name)) for name, size in scratch.items()]
    blocks += [(size, (end, end), ("kept", name)) for name, size in kept.items()]
    placed: list[tuple[int, int, tuple[int, int]]] = []
    offsets: dict[tuple[str, str], int] = {}
    for size, life, key in sorted(blocks, key=lambda block: (-block[0], block[1], block[2])):
        offset = 0
        for start, stop, other in sorted(placed):
            if other[0] <= life[1] and life[0] <= other[1] and start < offset + size and offset < stop:
                offset = -(-stop // ALIGNMENT) * ALIGNMENT
        placed.append((offset, offset + size, life))
        offsets[key] = offset
    total = max((stop for _, stop, _ in placed), default=0)
    return Plan(
        {name: offset for (kind, name), offset in offsets.items() if kind != "scratch"},
        {name: offset for (kind, name), offset in offsets.items() if kind == "scratch"},
        -(-total // ALIGNMENT) * ALIGNMENT,
    )


def elements(shape: Shape) -> int:
    """Return height x width x channels."""
    return shape[0] * shape[1] * shape[2]


def layer_label(network: Network, layer: Layer) -> str:
    """Return ``name: HxWxC -> HxWxC``."""
    before, after = ("x".join(map(str, network.shapes[name])) for name in (layer.inputs[0], layer.output))
    return f"{layer.output}: {before} -> {after}"


@dataclass(frozen=True)
class Place:
    """How C names the memory of tensors.

    Attributes:
        network: layer list.
        plan: where its tensors lie.
        kinds: C type of each tensor that is not a slice.
    """

    network: Network
    plan: Plan
    kinds: Mapping[str, str]

    def tensor(self, name: str) -> str:
        """Return the pointer to a tensor's first value and, after a comma, the step from pixel to pixel in values."""
        home, channel = self.network.home(name)
        kind = self.kinds[home]
        return f"{pointer(self.plan.offsets[home], kind, channel)}, {self.network.shapes[home][2]}"

    def first(self, name: str) -> str:
        """Return the pointer alone."""
        return self.tensor(name).rpartition(",")[0]

    def scratch(self, name: str, kind: str) -> str:
        """Return the pointer to the working memory of the layer that writes ``name``."""
        return pointer(self.plan.scratch[name], kind)


def pointer(offset: int, kind: str, index: int = 0) -> str:
    """Return the expression for the value ``index`` at a byte offset into the arena of floats."""
    if kind == "float":
        return f"arena + {offset // 4 + index}"
    return f"({kind} *)arena + {offset + index}"
