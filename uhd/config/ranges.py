"""Whether the values of a configuration are allowed."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from uhd.config.knob import knob_of, setting_name
from uhd.errors import UserError, nearest


def validate(config: Any, where: str = "config") -> None:
    """Check choices and ranges of every field.

    Raises:
        UserError: names the flag, the value and what is allowed.
    """
    for field in dataclasses.fields(config):
        rule, value = knob_of(field), getattr(config, field.name)
        name = setting_name(where, field)
        if value is None:
            continue
        if rule.choices is not None and value not in rule.choices:
            allowed = [str(choice) for choice in rule.choices if choice is not None]
            raise UserError(f"{name}: {value!r} is not one of {', '.join(allowed)}{nearest(str(value), allowed)}")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, bool) or not isinstance(number, int | float):
                continue
            if not math.isfinite(number):
                raise UserError(f"{name}: {number} is not a finite number")
            low = rule.minimum
            if low is not None and (number < low or (rule.exclusive_minimum and number == low)):
                raise UserError(f"{name}: {number} must be {'above' if rule.exclusive_minimum else 'at least'} {low:g}")
            if rule.maximum is not None and number > rule.maximum:
                raise UserError(f"{name}: {number} must be at most {rule.maximum:g}")
