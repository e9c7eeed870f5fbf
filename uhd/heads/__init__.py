"""One file per kind of head: how its raw maps are laid out, and the one NumPy decoder that reads them."""

from uhd.heads.anchor import (
    SCORE_MODES,
    HeadLayout,
    decode,
    one_class_each,
    resolve_score_mode,
    select,
    sigmoid,
    softplus,
)

__all__ = [
    "SCORE_MODES",
    "HeadLayout",
    "decode",
    "one_class_each",
    "resolve_score_mode",
    "select",
    "sigmoid",
    "softplus",
]
