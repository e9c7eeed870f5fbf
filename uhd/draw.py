"""Draw detections on a copy of an image, legible on a thumbnail and on a photograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.detections import Detections
from uhd.lettering import Colour, Image
from uhd.plates import Plates

COLOURS: tuple[Colour, ...] = (
    (255, 64, 64), (64, 160, 255), (64, 200, 96), (255, 176, 0), (200, 96, 255), (0, 200, 200), (255, 112, 176),
)  # fmt: skip
DARK: Colour = (24, 24, 24)
_LEAST_LETTERS = 9  # height of letters in pixels


@dataclass(frozen=True, eq=False)
class Outline:
    """A line or polygon over a picture, with a text at its first point.

    Attributes:
        points: (N, 2) x and y in pixels.
        closed: the last point is joined to the first.
        text: on a plate, or empty.
        colour: RGB.
    """

    points: NDArray[np.float64]
    closed: bool = False
    text: str = ""
    colour: Colour = (255, 255, 0)


def draw(
    image: Image,
    detections: Detections,
    labels: bool = True,
    scores: bool = True,
    notes: Sequence[str] = (),
    outlines: Sequence[Outline] = (),
) -> Image:
    """Return a copy of an RGB image (H, W, 3) with boxes, class names and scores; the best box lies on top.

    Line width and letters follow the image's size; a colour belongs to a class, or to a person who is tracked. Every
    text has a plate, and no plate lies on another: where there is no room, the label shrinks to the score, then goes.

    Args:
        image: (H, W, 3) uint8 RGB.
        detections: boxes in pixels of the image.
        labels: name the boxes.
        scores: with their scores.
        notes: lines of text for the upper left corner.
        outlines: lines and polygons, drawn under the text.
    """
    canvas = image.copy()
    side = max(image.shape[:2])
    width = max(1, round(side / 320))
    # A box far outside would overflow the drawing routine's coordinates.
    edges = np.clip(detections.xyxy, -side, 2 * side).round().astype(int).tolist()
    class_ids, numbers = detections.class_ids.tolist(), detections.track_ids
    tracks = [None] * len(detections) if numbers is None else numbers.tolist()
    found = list(zip(edges, detections.scores.tolist(), class_ids, tracks, strict=True))
    for outline in outlines:
        corners = np.clip(outline.points, -side, 2 * side).round().astype(np.int32)
        cv2.polylines(canvas, [corners], outline.closed, outline.colour, width + (side >= 320), cv2.LINE_AA)
    for (left, top, right, bottom), _, class_id, track in found[::-1]:
        cv2.rectangle(canvas, (left, top), (right, bottom), _colour(class_id, track), width, cv2.LINE_AA)
    plates = Plates(image.shape[:2], letter_size(side))
    plates.keep_off(edges)
    for text in notes:
        plates.note(text, (0, 0), DARK)
    for outline in outlines:
        if outline.text:
            x, y = outline.points[0].round().astype(int).tolist()
            plates.note(outline.text, (x, y), DARK)
    for box, score, class_id, track in found if labels else ():
        number = "" if track is None else f"#{track} "
        name = f"{number}{detections.name_of(class_id)}"
        texts = [f"{name} {score:.2f}", number.strip() or f"{score:.2f}"] if scores else [name]
        plates.label(texts, box, _colour(class_id, track))
    plates.paint(canvas)
    return canvas


def letter_size(side: int) -> int:
    """Return the height of letters in pixels for a picture whose larger side has so many pixels."""
    return max(_LEAST_LETTERS, round(6 + side / 70))


def enlarge(image: Image, side: int = 512) -> Image:
    """Return an image (H, W, 3) whose larger side is at least ``side``; small ones grow by a whole number.

    Pixels stay squares of one colour, which shows what a small picture holds and what it does not.
    """
    factor = max(1, -(-side // max(image.shape[:2])))
    return np.repeat(np.repeat(image, factor, axis=0), factor, axis=1) if factor > 1 else image


def contact_sheet(images: Sequence[Image], columns: int = 8, gap: int = 4) -> Image:
    """Return images of one size (h, w, 3) side by side on dark gray."""
    h, w = images[0].shape[:2]
    rows = -(-len(images) // columns)
    columns = min(columns, len(images))
    sheet = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, 3), 32, np.uint8)
    for i, image in enumerate(images):
        y, x = gap + i // columns * (h + gap), gap + i % columns * (w + gap)
        sheet[y : y + h, x : x + w] = image
    return sheet


def _colour(class_id: int, track: int | None) -> Colour:
    return COLOURS[(class_id if track is None else track) % len(COLOURS)]
