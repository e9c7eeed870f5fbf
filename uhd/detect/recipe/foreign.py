"""What a recipe for another framework is: files and commands."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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


def convert_command(facts: Facts, data: Path, place: Path, to: str) -> str:
    """Return the command that writes a data set in the format of a framework: its classes, in two parts."""
    classes = ",".join(map(str, facts.classes))
    divide = "" if facts.divided else " --val-split 0.2"
    return f"uhd data convert {word(data)} {word(place)} --to {to} --classes {classes}{divide}"


def word(text: object) -> str:
    """Return a path or setting as one word of a shell's command line."""
    return shlex.quote(str(text))


def lacking(facts: Facts, task: str) -> str:
    """Return what a data set lacks for a task, in one line, "" for nothing."""
    if task == "pose" and not facts.keypoints:
        return "--task pose: the data hold no keypoints, so there is nothing to learn them from"
    if task == "segment" and not facts.outlines:
        return "--task segment: the data hold no outlines, so there is nothing to learn them from"
    return ""
