"""What a recipe for another framework is: files and commands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from uhd.detect.recipe.facts import Facts

_LEAST_PEOPLE = 16  # pixels that the smaller people shall have for networks that reduce by 8 and more
_MOST_SIDE = 1280


@dataclass(frozen=True)
class Foreign:
    """Files of a recipe, by name, and the commands that train with them, in order."""

    files: Mapping[str, str]
    commands: tuple[str, ...]


def side_of(facts: Facts, step: int) -> int:
    """Return the side of an image, in pixels, at which most objects are large enough for a big network.

    Not larger than the photographs are, and a multiple of ``step``.
    """
    small = max(facts.heights[1], 0.01)
    wanted = min(max(_LEAST_PEOPLE / small, 320), max(facts.image_size) or 640, _MOST_SIDE)
    return max(step, math.ceil(wanted / step) * step)
