"""The named sizes of UltraTinyOD, as the original's README calls them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

from uhd.config import knob
from uhd.errors import UserError
from uhd.models.ultratinyod.config import UltraTinyODConfig

WIDTHS = {"R": 16, "Y": 24, "Z": 32, "A": 40, "F": 48, "P": 56, "N": 64, "T": 72, "S": 80, "L": 256}


@dataclass(frozen=True)
class VariantConfig:
    """A size by name instead of ``--cnn-width``."""

    variant: str | None = knob(
        None,
        f"named size: {', '.join(f'{name} = width {width}' for name, width in WIDTHS.items())}",
        group="UltraTinyOD",
        choices=tuple(WIDTHS),
    )


def with_variant(config: UltraTinyODConfig, variant: str | None, typed: Collection[str] = ()) -> UltraTinyODConfig:
    """Return the configuration with the width of a named variant.

    Args:
        config: any configuration.
        variant: key of ``WIDTHS``, or None to change nothing.
        typed: fields that the user set.

    Raises:
        UserError: ``cnn_width`` was set as well, to another width.
    """
    if variant is None:
        return config
    width = WIDTHS[variant]
    if "cnn_width" in typed and config.cnn_width != width:
        raise UserError(f"--variant {variant} means --cnn-width {width}, not {config.cnn_width}: give one of the two")
    return dataclasses.replace(config, cnn_width=width)
