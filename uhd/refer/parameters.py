"""How many parameters the parts and the combinations have; nothing is filled, so that the largest costs no memory."""

from __future__ import annotations

import torch
from torch import nn

from uhd.refer import combinations as told
from uhd.refer.combinations import Combination, model_config
from uhd.refer.model.bert import Bert
from uhd.refer.model.network import ReferNetwork
from uhd.refer.model.vocabulary import Vocabulary

# Part, millions claimed, parameters there, ours, why they differ.
Row = tuple[str, str, int | None, int, str]


def count_parameters(module: nn.Module) -> int:
    """Return how many numbers a module learns."""
    return sum(parameter.numel() for parameter in module.parameters())


def empty_network(transformer: str, text: str, backbone: str) -> ReferNetwork:
    """Return a network at its published size whose parameters are not there."""
    with torch.device("meta"):
        words = Vocabulary(tuple(str(i) for i in range(told.WORDS)))
        return ReferNetwork(model_config(transformer, text, backbone), words)


def component_rows() -> list[Row]:
    """Return a line for every part."""
    rows: list[Row] = []
    for name, (claimed, there, reason) in told.TRANSFORMERS.items():
        network = empty_network(name, "learned", "segformer_b0")
        rows.append((name, claimed, there, count_parameters(network.transformer), reason))
    for name, (claimed, measured) in told.TEXT_ENCODERS.items():
        text = empty_network("fully_conv_optim", name, "tiny").text
        ours = text.own_parameters() if isinstance(text, Bert) else count_parameters(text)
        rows.append((name, claimed, measured, ours, "" if measured else f"{told.WORDS} words, 160 wide"))
    for name, (claimed, there, reason) in told.BACKBONES.items():
        network = empty_network("fully_conv_optim", "learned", name)
        rows.append((name, claimed, there, count_parameters(network.backbone), reason))
    return rows


def combination_row(each: Combination) -> Row:
    """Return the line of a combination."""
    ours = count_parameters(empty_network(each.transformer, each.text, each.backbone))
    return (each.name, each.claimed, each.measured, ours, each.note)


def table_of(rows: list[Row]) -> str:
    """Return lines of a table in plain text."""
    lines = [f"{'part':<26}{'claimed (M)':>12}{'measured there':>16}{'ours':>14}  why"]
    for name, claimed, there, ours, reason in rows:
        lines.append(
            f"{name:<26}{claimed:>12}{'-' if there is None else f'{there:,}':>16}{ours:>14,}  {reason}".rstrip()
        )
    return "\n".join(lines)
