"""A knob is written down once: name, default, range, help and other presets' defaults, beside the component it sets.

A configuration is a frozen dataclass whose fields are made with :func:`knob`. Command-line flags, YAML keys,
checkpoint and ONNX metadata are all derived from those dataclasses, so they cannot drift apart.
"""

from uhd.config.knob import Knob, Search, flag_of, knob, knob_of, same_knob
from uhd.config.plain import from_plain, parse_value, to_plain
from uhd.config.presets import PRESETS, preset
from uhd.config.ranges import validate

__all__ = [
    "PRESETS",
    "Knob",
    "Search",
    "flag_of",
    "from_plain",
    "knob",
    "knob_of",
    "parse_value",
    "preset",
    "same_knob",
    "to_plain",
    "validate",
]
