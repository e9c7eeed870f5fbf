"""Networks of this task in files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uhd.config import from_plain
from uhd.errors import UserError
from uhd.models.weights import read_weights
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.network import ReferNetwork
from uhd.refer.model.vocabulary_file import vocabulary_of


def load_network(path: Path) -> tuple[ReferNetwork, dict[str, Any]]:
    """Return the network of a checkpoint with its weights, in evaluation mode, and what the file says of it.

    Raises:
        UserError: unreadable, or not of this task.
    """
    network = network_of(path)
    take_weights(network, path)
    return network.eval(), read_weights(path)[1]


def network_of(path: Path) -> ReferNetwork:
    """Return a network as a checkpoint describes it, with fresh weights.

    Raises:
        UserError: unreadable, or not of this task.
    """
    meta = read_weights(path)[1]
    words = meta.get("words")
    if not isinstance(meta.get("refer_model"), dict) or not isinstance(words, list):
        raise UserError(f"{path}: is not a model of the task refer")
    return ReferNetwork(from_plain(ReferModelConfig, meta["refer_model"], str(path)), vocabulary_of(words))


def take_weights(network: ReferNetwork, path: Path) -> None:
    """Fill a network with the averaged weights of a checkpoint.

    Raises:
        UserError: they do not fit.
    """
    try:
        network.load_state_dict(read_weights(path)[0])
    except RuntimeError as error:
        raise UserError(f"{path}: does not fit its own description: {' '.join(str(error).split())[:160]}") from None


def input_of(meta: Mapping[str, Any]) -> tuple[tuple[int, int], str]:
    """Return (H, W) and resize mode of a network's input, as a checkpoint says them."""
    height, width = meta["input_size"]
    return (int(height), int(width)), str(meta["resize_mode"])
