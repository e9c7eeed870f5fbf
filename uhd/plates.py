"""Text on solid plates: none lies on another, all lie inside the picture, and they keep off heads where they can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from uhd.lettering import Colour, Image, ink_on, put_text, text_width

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom in pixels
_HEAD = 0.3  # of a box's height, from its upper edge


@dataclass(frozen=True)
class Plate:
    """One line of text and where it stands.

    Attributes:
        text: what it says.
        place: left, top, right, bottom in pixels; the plate fills it.
        colour: RGB of the plate.
        size: height of the letters in pixels.
    """

    text: str
    place: Rectangle
    colour: Colour
    size: int

    def paint(self, canvas: Image) -> None:
        """Draw it into an RGB canvas (H, W, 3), in place."""
        left, top, right, bottom = self.place
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), self.colour, -1)
        margin = _margin(self.size)
        put_text(canvas, self.text, left + margin, top + margin, self.size, ink_on(self.colour))


class Plates:
    """Finds room for one plate after another; the first come get the best places.

    Args:
        image_size: (height, width) of the picture in pixels.
        size: height of the letters in pixels.
    """

    def __init__(self, image_size: tuple[int, int], size: int) -> None:
        self.height, self.width = image_size
        self.size = size
        self.placed: list[Plate] = []
        self._heads: list[Rectangle] = []

    def keep_off(self, boxes: Iterable[Sequence[int]]) -> None:
        """Leave the heads of people (left, top, right, bottom) free where there is other room."""
        self._heads += [(l, t, r, t + max(1, round(_HEAD * (b - t)))) for l, t, r, b in boxes]  # noqa: E741

    def label(self, texts: Sequence[str], box: Sequence[int], colour: Colour) -> Plate | None:
        """Place a label at a box; returns None where there is no room for any of the texts.

        Args:
            texts: the full text, then shorter ones for where it does not fit.
            box: left, top, right, bottom in pixels.
            colour: RGB of the plate.
        """
        for text in texts:
            width, height = self._extent(text)
            # A text wider than the box and than half the picture would hide what it names.
            if width <= max(box[2] - box[0], self.width // 2) or text == texts[-1]:
                found = self._best(_around(box, width, height), width, height)
                if found is not None:
                    return self._add(text, found, colour)
        return None

    def note(self, text: str, corner: tuple[int, int], colour: Colour) -> Plate | None:
        """Place a text with its upper left corner near a point, or as near as there is room; None where there is none.

        Args:
            text: one line.
            corner: x, y in pixels.
            colour: RGB of the plate.
        """
        width, height = self._extent(text)
        x, y = corner
        rows = sorted(range(-self.height, self.height + 1), key=abs)
        places = ((x, y + step * height) for step in rows if -height < y + step * height < self.height)
        found = self._best(places, width, height, first=True)
        return None if found is None else self._add(text, found, colour)

    def paint(self, canvas: Image) -> None:
        """Draw all plates into an RGB canvas (H, W, 3), in place."""
        for plate in self.placed:
            plate.paint(canvas)

    def _extent(self, text: str) -> tuple[int, int]:
        margin = _margin(self.size)
        return text_width(text, self.size) + 2 * margin, self.size + 2 * margin

    def _add(self, text: str, place: Rectangle, colour: Colour) -> Plate:
        plate = Plate(text, place, colour, self.size)
        self.placed.append(plate)
        return plate

    def _best(
        self, corners: Iterable[tuple[int, int]], width: int, height: int, first: bool = False
    ) -> Rectangle | None:
        """Return the free place that hides least of heads, the earlier one of equals; None where none is free."""
        if width > self.width or height > self.height:
            return None
        best, least = None, np.inf
        for x, y in corners:
            x, y = min(max(x, 0), self.width - width), min(max(y, 0), self.height - height)
            place = (x, y, x + width, y + height)
            if any(_shared(place, plate.place) for plate in self.placed):
                continue
            hidden = sum(_shared(place, head) for head in self._heads)
            if hidden < least:
                best, least = place, hidden
            if first or hidden == 0:
                break
        return best


def _around(box: Sequence[int], width: int, height: int) -> Iterator[tuple[int, int]]:
    """Yield corners of plates at a box, the best first: on it, under it, beside it, in it, then further away."""
    left, top, right, bottom = box
    for step in range(4):
        yield left, top - (step + 1) * height
        yield right - width, top - (step + 1) * height
        yield left, bottom + step * height
        yield right - width, bottom + step * height
        yield right, top + step * height
        yield left - width, top + step * height
        yield left, bottom - (step + 1) * height
        yield right - width, bottom - (step + 1) * height
    for step in range(4):
        yield left, top + step * height
        yield right - width, top + step * height


def _shared(one: Rectangle, other: Rectangle) -> int:
    """Return the area that two rectangles share, in pixels."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0, width) * max(0, height)


def _margin(size: int) -> int:
    return max(2, size // 6)
