"""The UltraTinyOD that a configuration describes."""

from __future__ import annotations

from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.ltrb import LtrbUltraTinyOD
from uhd.models.ultratinyod.network import UltraTinyOD


def build_ultratinyod(config: UltraTinyODConfig) -> UltraTinyOD | LtrbUltraTinyOD:
    """Return the network with fresh weights.

    Raises:
        UserError: options contradict each other.
    """
    return UltraTinyOD(config) if config.head == "anchor" else LtrbUltraTinyOD(config)
