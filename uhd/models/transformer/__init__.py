"""A small DETR: every pixel pair is a token, and a few queries find one person each (PINTO0309/UHD)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uhd.lazy import lazy_names

if TYPE_CHECKING:
    from uhd.models.transformer.config import TransformerConfig as TransformerConfig
    from uhd.models.transformer.network import QueryTransformer as QueryTransformer

__getattr__ = lazy_names(
    __name__,
    {
        "QueryTransformer": "uhd.models.transformer.network",
        "TransformerConfig": "uhd.models.transformer.config",
    },
)
