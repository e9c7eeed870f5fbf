"""Reach the converter: say how to get it when it is missing."""

from __future__ import annotations

import importlib.util

from uhd.errors import UserError, install_hint

_MODULES = ("litert_torch", "ai_edge_quantizer", "ai_edge_litert")


def require_litert() -> None:
    """Raise UserError, with the command that mends it, unless the converter is installed."""
    for module in _MODULES:
        if importlib.util.find_spec(module) is None:
            needed = module.replace("_", "-")
            raise UserError(f"writing LiteRT files needs {needed}: {install_hint('litert')}")
