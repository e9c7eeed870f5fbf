"""What ``--variant`` sets: the width, by the name of a size."""

from __future__ import annotations

import dataclasses

from uhd.cli.flags import Resolved
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.variants import VariantConfig, with_variant


def sized_settings(resolved: Resolved) -> Resolved:
    """Return the settings with ``--cnn-width`` as ``--variant`` names it, for every architecture that has one.

    Raises:
        UserError: ``--cnn-width`` says another one.
    """
    variant = resolved[VariantConfig].variant
    if variant is None:
        return resolved
    width = with_variant(resolved[UltraTinyODConfig], variant, resolved.typed).cnn_width
    for config in resolved.configs.values():
        if hasattr(config, "cnn_width"):
            resolved = resolved.replace(dataclasses.replace(config, cnn_width=width), "cnn_width")
    return resolved
