"""One person that was asked for, in pixels of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.keypoints import KEYPOINT_NAMES
from uhd.refer.answers import Array, Found


@dataclass(frozen=True, eq=False)
class Answer:
    """The person that was meant, in pixels of the picture.

    Attributes:
        score: 0 to 1, how sure it is that this is a person and the one meant.
        xyxy: (4,) box.
        keypoints: (17, 3) x, y and the probability of being seen, in COCO's order.
        mask: (H, W) bool.
        prompt: what was asked, for reports.
    """

    score: float
    xyxy: Array
    keypoints: Array
    mask: NDArray[np.bool_]
    prompt: dict[str, Any]

    def to_plain(self) -> dict[str, Any]:
        """Return values for JSON; the mask as outlines in pixels."""
        contours, _ = cv2.findContours(self.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        return {
            "prompt": self.prompt,
            "score": round(self.score, 4),
            "box": [round(float(value), 2) for value in self.xyxy],
            "keypoints": {
                name: [round(float(x), 2), round(float(y), 2), round(float(seen), 3)]
                for name, (x, y, seen) in zip(KEYPOINT_NAMES, self.keypoints, strict=True)
            },
            "mask": [contour[:, 0].ravel().tolist() for contour in contours if len(contour) > 2],
            "mask_pixels": int(self.mask.sum()),
        }


def answer_of(found: Found, scores: Array, size: tuple[int, int], prompt: dict[str, Any]) -> Answer:
    """Return the best candidate as an answer in pixels of a picture of a size (H, W); scores (Q,)."""
    best, extent = int(scores.argmax()), np.array([size[1], size[0]], np.float32)
    box = np.clip(found.boxes[best], 0, 1) * np.tile(extent, 2)
    points = np.concatenate([found.keypoints[best] * extent, found.visibility[best][:, None]], 1)
    return Answer(float(scores[best]), box, points.astype(np.float32), found.mask(best, size), prompt)
