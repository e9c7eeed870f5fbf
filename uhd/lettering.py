"""Letters in a picture: how large a text is, and putting it there, with the fonts of OpenCV 4 and of OpenCV 5."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]
_HERSHEY = cv2.FONT_HERSHEY_SIMPLEX
_WEIGHT = 500  # of 100 to 1000: thin strokes of small letters fade into the plate


def text_width(text: str, size: int) -> int:
    """Return the width of a text in pixels.

    Args:
        text: one line.
        size: height of the letters from the lowest to the highest, in pixels.
    """
    face = _face()
    if face is None:
        scale, thickness = _hershey(size)
        return int(cv2.getTextSize(text, _HERSHEY, scale, thickness)[0][0])
    left, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), face, _em(size), _WEIGHT)
    return int(left) + int(width)


def put_text(canvas: Image, text: str, left: int, top: int, size: int, ink: Colour) -> None:
    """Write a text into an RGB canvas (H, W, 3), in place; its letters span the rows ``top`` to ``top + size``."""
    face, baseline = _face(), top + round(0.78 * size)
    if face is None:
        scale, thickness = _hershey(size)
        cv2.putText(canvas, text, (left, baseline), _HERSHEY, scale, ink, thickness, cv2.LINE_AA)
    else:
        cv2.putText(canvas, text, (left, baseline), ink, face, _em(size), _WEIGHT)


def luminance(colour: Colour) -> float:
    """Return the relative luminance of an RGB colour, 0 to 1 (https://www.w3.org/TR/WCAG21/#dfn-relative-luminance)."""
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in (c / 255 for c in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast ratio of two RGB colours, 1 to 21; 4.5 is the least at which small text reads well."""
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def ink_on(colour: Colour) -> Colour:
    """Return black or white, whichever stands out more; the contrast is never below 4.58."""
    return max(((0, 0, 0), (255, 255, 255)), key=lambda ink: contrast(ink, colour))


@cache
def _face() -> Any:
    """Return the font of OpenCV 5 whose zero is not crossed out (it looks like another letter), None in OpenCV 4."""
    return cv2.FontFace("uni") if hasattr(cv2, "FontFace") else None


def _em(size: int) -> int:
    return max(1, round(size * 0.95))


def _hershey(size: int) -> tuple[float, int]:
    # Capitals of this font are 21 units above the baseline, tails 7 below.
    return size / 28, max(1, round(size / 18))
