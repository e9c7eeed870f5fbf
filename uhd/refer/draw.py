"""Draw an answer: mask, skeleton, box, score and prompt."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.detections import Detections
from uhd.draw import COLOURS, Outline, draw
from uhd.keypoints import SKELETON
from uhd.refer.answer import Answer

_SHADE = 0.45  # of the mask's colour over the picture
_SEEN = 0.3  # probability below which a keypoint is drawn as a ring


def draw_answers(image: NDArray[np.uint8], answers: Sequence[Answer], skeleton: bool = True) -> NDArray[np.uint8]:
    """Return a copy of an RGB picture (H, W, 3) with what was answered.

    Args:
        image: (H, W, 3) uint8 RGB.
        answers: in pixels of the picture.
        skeleton: draw keypoints and the lines between them.
    """
    canvas = image.copy()
    for i, answer in enumerate(answers):
        colour = np.array(COLOURS[i % len(COLOURS)], np.float32)
        canvas[answer.mask] = (canvas[answer.mask] * (1 - _SHADE) + colour * _SHADE).astype(np.uint8)
    width = max(1, round(max(image.shape[:2]) / 240))
    for i, answer in enumerate(answers if skeleton else ()):
        _draw_skeleton(canvas, answer.keypoints, COLOURS[i % len(COLOURS)], width)
    prompts = [each.prompt for each in answers]
    places = [_outline(prompt) for prompt in prompts if "text" not in prompt]
    if not answers:
        return canvas
    boxes = np.stack([answer.xyxy for answer in answers]).astype(np.float32)
    scores = np.array([answer.score for answer in answers], np.float32)
    numbers = np.arange(len(answers), dtype=np.int64)
    size = (image.shape[0], image.shape[1])
    # One colour for each, as their masks have.
    found = Detections(boxes, scores, numbers, size, ("person",) * len(answers))
    notes = [str(prompt["text"]) for prompt in prompts if "text" in prompt]
    return draw(canvas, found, notes=notes, outlines=[each for each in places if each])


def _draw_skeleton(
    canvas: NDArray[np.uint8], keypoints: NDArray[np.float32], colour: tuple[int, int, int], width: int
) -> None:
    side = max(canvas.shape[:2])
    at = np.clip(keypoints[:, :2], -side, 2 * side).round().astype(int).tolist()
    for a, b in SKELETON:
        cv2.line(canvas, at[a - 1], at[b - 1], colour, width, cv2.LINE_AA)
    for point, seen in zip(at, keypoints[:, 2].tolist(), strict=True):
        cv2.circle(canvas, point, width + 1, (255, 255, 255), -1 if seen >= _SEEN else 1, cv2.LINE_AA)


def _outline(prompt: dict[str, list[float]]) -> Outline | None:
    """Return a place that was asked for as a line; boxes are drawn as answers already."""
    if "scribble" in prompt:
        return Outline(np.array(prompt["scribble"], np.float64).reshape(-1, 2))
    if "point" in prompt:
        x, y = prompt["point"]
        return Outline(np.array([[x - 2, y], [x + 2, y], [x, y - 2], [x, y + 2]], np.float64))
    return None
