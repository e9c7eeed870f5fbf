"""What changes its name in a mirror: classes, keypoints and words that mean a side."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from uhd.errors import UserError
from uhd.objects import Objects

# Of COCO's 17 keypoints: eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
COCO_KEYPOINTS = {left: left + 1 for left in range(1, 16, 2)}
_SIDES = {"left": "right", "right": "left", "leftmost": "rightmost", "rightmost": "leftmost"}
_SIDE = re.compile(r"\b(left|right|leftmost|rightmost)\b", re.IGNORECASE)


def both_ways(swap: Mapping[int, int], where: str = "") -> dict[int, int]:
    """Return the classes that change places with each of them as a key; one direction is enough.

    Args:
        swap: class -> the class that it is in the mirror.
        where: begins the message of an error.

    Raises:
        UserError: two classes would become one, as a mirror that is looked at twice could not undo.
    """
    pairs = {b: a for a, b in swap.items()} | dict(swap)
    for a, b in pairs.items():
        if pairs[b] != a:
            raise UserError(f"{where}class_swap_map: {a}: {b} does not go with {b}: {pairs[b]}")
    return pairs


def swap_classes(objects: Objects, swap: Mapping[int, int]) -> Objects:
    """Return the objects with the classes exchanged that ``swap`` names, each pair in both directions."""
    if not swap or not len(objects):
        return objects
    table = np.arange(max(int(objects.labels.max()), *swap) + 2)
    table[-1] = -1  # regions of no class
    table[list(swap)] = list(swap.values())
    return objects.with_labels(table[objects.labels])


def swap_keypoints(objects: Objects, swap: Mapping[int, int] | None) -> Objects:
    """Return the objects with left and right keypoints exchanged.

    A mirror of any axis shows a left hand as a right one.

    Args:
        objects: with K keypoints, or none.
        swap: keypoint -> its other side, one direction is enough; None takes COCO's where there are 17.

    Raises:
        UserError: nobody says which of the keypoints belong together.
    """
    points = objects.keypoints
    if points is None:
        return objects
    count = points.shape[1]
    if swap is None and count != 17:
        raise UserError(
            f"mirroring {count} keypoints needs keypoint_swap_map, such as {{1: 2}}: {{}} where none has a side"
        )
    pairs = COCO_KEYPOINTS if swap is None else swap
    order = np.arange(count)
    for a, b in pairs.items():
        if not (0 <= a < count and 0 <= b < count):
            raise UserError(f"keypoint_swap_map: {a}: {b} is not a pair of the {count} keypoints")
        order[a], order[b] = b, a
    return replace(objects, keypoints=points[:, order])


def swap_words(objects: Objects) -> Objects:
    """Return the objects with the words left and right, leftmost and rightmost exchanged, upper and lower case kept."""
    if objects.texts is None:
        return objects
    return replace(objects, texts=tuple(tuple(map(mirror_phrase, texts)) for texts in objects.texts))


def mirror_phrase(phrase: str) -> str:
    """Return a phrase as it reads in the mirror.

    Example:
        >>> mirror_phrase("Left hand up, right of the leftmost tree")
        'Right hand up, left of the rightmost tree'
    """
    return _SIDE.sub(lambda found: _in_case_of(found[0], _SIDES[found[0].lower()]), phrase)


def _in_case_of(pattern: str, word: str) -> str:
    if pattern.isupper():
        return word.upper()
    return word.capitalize() if pattern[0].isupper() else word
