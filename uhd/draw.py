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
    """Return a copy of an RGB image (H, W, 3) with boxes, class names and scores.

    Line width and text follow the image's size; a colour belongs to a class.
    """
    canvas = image.copy()
    side = max(image.shape[:2])
    width = max(1, round(side / 320))
    scale = max(0.35, side / 1400)
    for box, score, class_id in zip(detections.xyxy, detections.scores, detections.class_ids, strict=True):
        colour = COLOURS[int(class_id) % len(COLOURS)]
        left, top, right, bottom = (round(float(edge)) for edge in box)
        cv2.rectangle(canvas, (left, top), (right, bottom), colour, width, cv2.LINE_AA)
        if labels:
            _label(canvas, f"{detections.name_of(int(class_id))} {score:.2f}", (left, top), colour, scale)
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


def _label(canvas: Image, text: str, corner: tuple[int, int], colour: tuple[int, int, int], scale: float) -> None:
    thickness = max(1, round(scale * 1.6))
    (width, height), base = cv2.getTextSize(text, _FONT, scale, thickness)
    left = int(np.clip(corner[0], 0, max(0, canvas.shape[1] - width - 4)))
    top = corner[1] - height - base - 2
    if top < 0:
        top = corner[1]
    cv2.rectangle(canvas, (left, top), (left + width + 4, top + height + base + 2), colour, -1)
    dark = sum(colour) > 420
    ink = (0, 0, 0) if dark else (255, 255, 255)
    cv2.putText(canvas, text, (left + 2, top + height + 1), _FONT, scale, ink, thickness, cv2.LINE_AA)
