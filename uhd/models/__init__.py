"""Every architecture by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from uhd.config import from_plain
from uhd.errors import UserError, nearest
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig

MODELS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "ultratinyod": lambda config: UltraTinyOD(from_plain(UltraTinyODConfig, config, "ultratinyod")),
}


def create_model(name: str = "ultratinyod", **config: Any) -> nn.Module:
    """Build a model with fresh weights.

    Args:
        name: architecture; see ``MODELS``.
        config: fields of its configuration, e.g. ``cnn_width=16``.

    Raises:
        UserError: unknown architecture, unknown or invalid field.
    """
    if name not in MODELS:
        raise UserError(f"unknown architecture {name!r}{nearest(name, MODELS)}: choose from {', '.join(MODELS)}")
    return MODELS[name](config)
