"""From raw network outputs to boxes and scores: one NumPy decoder for each kind of head."""

from uhd.decode.anchor import (
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
