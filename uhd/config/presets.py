"""Whose defaults a configuration starts from."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from uhd.config.knob import knob_of
from uhd.errors import UserError, nearest

T = TypeVar("T")
# Our recipe; the one for short runs, small networks and many photographs, which are seen nearly whole; the first for a
# few dozen photographs, from the packaged weights, and for a pruned network, from its teacher; the defaults of the
# project that this one takes over from, in torch and in Keras.
ABOUT = {
    "uhd": "our recipe", "whole": "nearly whole photographs, ATSS", "small": "few photographs",
    "prune": "a pruned network", "original": "PINTO0309/UHD", "keras": "UHD-keras",
}  # fmt: skip
PRESETS = tuple(ABOUT)


def preset(config_type: type[T], name: str = "uhd", **changes: Any) -> T:
    """Build a configuration from the defaults of a preset.

    Args:
        config_type: a dataclass made of knobs.
        name: one of :data:`PRESETS`.
        changes: fields that differ from the preset.

    Raises:
        UserError: the preset is unknown.
    """
    if name not in PRESETS:
        raise UserError(f"unknown preset {name!r}{nearest(name, PRESETS)}: choose from {', '.join(PRESETS)}")
    fields = dataclasses.fields(config_type)  # type: ignore[arg-type]
    values = {field.name: knob_of(field).presets[name] for field in fields if name in knob_of(field).presets}
    return config_type(**(values | changes))
