"""Draw detections on a copy of an image, legible on a thumbnail and on a photograph."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.detections import Detections

Image = NDArray[np.uint8]
COLOURS = (
    (255, 64, 64), (64, 160, 255), (64, 200, 96), (255, 176, 0), (200, 96, 255), (0, 200, 200), (255, 112, 176),
)  # fmt: skip
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw(image: Image, detections: Detections, labels: bool = True) -> Image:
    """Return a copy of an RGB image (H, W, 3) with boxes, class names and scores; the best box lies on top.

    Line width and text follow the image's size; a colour belongs to a class, or to a person who is tracked. On a tiny
    image, where the text would hide what it names, the label shrinks to the score.
    """
    canvas = image.copy()
    side = max(image.shape[:2])
    width = max(1, round(side / 320))
    scale = max(0.35, side / 1400)
    # A box far outside would overflow the drawing routine's coordinates.
    edges = np.clip(detections.xyxy, -side, 2 * side).round().astype(int)
    class_ids, numbers = detections.class_ids.tolist(), detections.track_ids
    tracks = [None] * len(detections) if numbers is None else numbers.tolist()
    found = list(zip(edges.tolist(), detections.scores, class_ids, tracks, strict=True))[::-1]
    for (left, top, right, bottom), _, class_id, track in found:
        colour = _colour(class_id if track is None else track)
        cv2.rectangle(canvas, (left, top), (right, bottom), colour, width, cv2.LINE_AA)
    for (left, top, right, _), score, class_id, track in found if labels else ():
        number = "" if track is None else f"#{track} "
        for text in (f"{number}{detections.name_of(class_id)} {score:.2f}", number.strip() or f"{score:.2f}"):
            if _text_width(text, scale) <= max(right - left, image.shape[1] // 2):
                _label(canvas, text, (left, top), _colour(class_id if track is None else track), scale)
                break
    return canvas


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


def _colour(class_id: int) -> tuple[int, int, int]:
    return COLOURS[class_id % len(COLOURS)]


def _thickness(scale: float) -> int:
    return max(1, round(scale * 1.6))


def _text_width(text: str, scale: float) -> int:
    return int(cv2.getTextSize(text, _FONT, scale, _thickness(scale))[0][0]) + 4


def _label(canvas: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int], scale: float) -> None:
    thickness = _thickness(scale)
    (width, height), base = cv2.getTextSize(text, _FONT, scale, thickness)
    left = int(np.clip(corner[0], 0, max(0, canvas.shape[1] - width - 4)))
    top = corner[1] - height - base - 2
    if top < 0:
        top = max(0, corner[1])
    cv2.rectangle(canvas, (left, top), (left + width + 4, top + height + base + 2), colour, -1)
    bright = sum(colour) > 420
    ink = (0, 0, 0) if bright else (255, 255, 255)
    cv2.putText(canvas, text, (left + 2, top + height + 1), _FONT, scale, ink, thickness, cv2.LINE_AA)
