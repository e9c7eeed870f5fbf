"""UltraTinyOD: a one-scale anchor detector for 64x64 images (PINTO0309/UHD)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uhd.lazy import lazy_names

if TYPE_CHECKING:
    from uhd.models.ultratinyod.config import UltraTinyODConfig as UltraTinyODConfig
    from uhd.models.ultratinyod.network import (
        UltraTinyOD as UltraTinyOD,
    )
    from uhd.models.ultratinyod.network import (
        assemble_raw as assemble_raw,
    )
    from uhd.models.ultratinyod.network import (
        initialise as initialise,
    )

__getattr__ = lazy_names(
    __name__,
    {
        "UltraTinyOD": "uhd.models.ultratinyod.network",
        "assemble_raw": "uhd.models.ultratinyod.network",
        "initialise": "uhd.models.ultratinyod.network",
        "UltraTinyODConfig": "uhd.models.ultratinyod.config",
    },
)
