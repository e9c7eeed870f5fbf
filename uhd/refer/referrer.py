"""The five-line API: a picture and a prompt in, one person out; or the boxes of a detector, and everybody out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.keypoints import KEYPOINT_NAMES
from uhd.refer.answers import Array, Finder, Found
from uhd.resize import resize_image
from uhd.runtime.detector import Source, as_rgb

Detect = Callable[[NDArray[np.uint8]], Any]


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


class Referrer:
    """Callable around a :class:`~uhd.refer.answers.Finder`.

    Example:
        >>> import uhd
        >>> find = uhd.load("refer.onnx")  # doctest: +SKIP
        >>> find("photo.jpg", text="the leftmost person").xyxy  # doctest: +SKIP
    """

    def __init__(self, finder: Finder) -> None:
        self.finder = finder

    @property
    def spec(self) -> NoReturn:
        """Refuse, where a detector is needed: this model answers prompts."""
        raise UserError("this model finds the one person who is meant; a detector is needed here (its own: uhd refer)")

    predictor = spec

    def __repr__(self) -> str:
        height, width = self.finder.size
        return f"<Referrer {height}x{width} {self.finder.resize_mode}>"

    def __call__(
        self,
        source: Source,
        text: str | None = None,
        point: Sequence[float] | None = None,
        scribble: Sequence[Sequence[float]] | None = None,
        box: Sequence[float] | None = None,
        bgr: bool = False,
    ) -> Answer:
        """Return the person whom a prompt means.

        Args:
            source: path, RGB array (H, W, 3) or gray (H, W) uint8, or PIL image.
            text: what is said of the person.
            point: x and y in pixels, on the person.
            scribble: at least two points over the person, in pixels.
            box: left, top, right, bottom in pixels, roughly around the person.
            bgr: arrays are in OpenCV's channel order.

        Raises:
            UserError: not exactly one prompt, one of another form, or a picture that cannot be read.
        """
        image = as_rgb(source, bgr)
        found = self.look(image)
        given = {"text": text, "point": point, "scribble": scribble, "box": box}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise UserError(f"give one prompt of {', '.join(given)}, not {len(named)}")
        size = (image.shape[0], image.shape[1])
        if text is not None:
            if not text.strip():
                raise UserError("the text is empty: say whom you mean")
            return answer_of(found, self.finder.ask_texts(found, [text])[0], size, {"text": text})
        kind = named[0]
        points = _points(kind, given[kind], size)
        places = (points[None] / np.array(size[::-1])).astype(np.float32)
        scores = self.finder.ask_places(found, places, kind)[0]
        return answer_of(found, scores, size, {kind: points.ravel().tolist()})

    def look(self, image: NDArray[np.uint8]) -> Found:
        """Return everybody in an RGB picture (H, W, 3) of any size."""
        return self.finder.look(resize_image(image, self.finder.size, self.finder.resize_mode)[None])[0]

    def everybody(self, source: Source, detect: Detect, bgr: bool = False) -> list[Answer]:
        """Return an answer for every box of a detector, best first; where it finds nobody, this network does not run.

        Args:
            source: as for a call.
            detect: from :func:`uhd.load`, or anything that returns :class:`uhd.Detections` for an RGB array.
            bgr: arrays are in OpenCV's channel order.
        """
        image = as_rgb(source, bgr)
        boxes = np.asarray(detect(image).xyxy, np.float32)
        if not len(boxes):
            return []
        size = (image.shape[0], image.shape[1])
        found = self.look(image)
        corners = boxes.reshape(-1, 2, 2) / np.array(size[::-1], np.float32)
        scores = self.finder.ask_places(found, corners.astype(np.float32), "box")
        return [
            answer_of(found, row, size, {"box": box.tolist()}) for row, box in zip(scores, boxes, strict=True)
        ]  # fmt: skip


def answer_of(found: Found, scores: Array, size: tuple[int, int], prompt: dict[str, Any]) -> Answer:
    """Return the best candidate as an answer in pixels of a picture of a size (H, W); scores (Q,)."""
    best, extent = int(scores.argmax()), np.array([size[1], size[0]], np.float32)
    box = np.clip(found.boxes[best], 0, 1) * np.tile(extent, 2)
    points = np.concatenate([found.keypoints[best] * extent, found.visibility[best][:, None]], 1)
    return Answer(float(scores[best]), box, points.astype(np.float32), found.mask(best, size), prompt)


def _points(kind: str, value: Any, size: tuple[int, int]) -> Array:
    """Return the points (K, 2) of a prompt that is a place in a picture of a size (H, W)."""
    try:
        points = np.asarray(value, np.float32).reshape(-1, 2)
    except (TypeError, ValueError):
        raise UserError(f"a {kind} is made of numbers x,y in pixels, not {value!r}") from None
    wrong = {"point": len(points) != 1, "scribble": len(points) < 2, "box": len(points) != 2}[kind]
    if wrong or not np.isfinite(points).all():
        how = {"point": "x,y", "scribble": "x,y,x,y,... of at least two points", "box": "x1,y1,x2,y2"}[kind]
        raise UserError(f"a {kind} is {how}, not {value!r}")
    low, high = points.min(0), points.max(0)
    if (high < 0).any() or (low > size[::-1]).any():
        raise UserError(f"the {kind} {value!r} lies outside the picture of {size[1]}x{size[0]} pixels")
    return np.stack([low, high]) if kind == "box" else points
