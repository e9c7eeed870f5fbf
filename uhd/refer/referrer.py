"""The five-line API: a picture and a prompt in, one person out; or the boxes of a detector, and everybody out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.refer.answer import Answer as Answer
from uhd.refer.answer import answer_of
from uhd.refer.answers import Array, Finder, Found
from uhd.refer.part import Part
from uhd.resize import resize_image
from uhd.runtime.detector import Source, as_rgb

Detect = Callable[[NDArray[np.uint8]], Any]
_SHARES = (0.5, 0.25)  # of the longer side: parts around a point that are looked at beside the whole


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
        closer: float | None = None,
    ) -> Answer:
        """Return the person whom a prompt means.

        Args:
            source: path, RGB array (H, W, 3) or gray (H, W) uint8, or PIL image.
            text: what is said of the person.
            point: x and y in pixels, on the person.
            scribble: at least two points over the person, in pixels.
            box: left, top, right, bottom in pixels, roughly around the person.
            bgr: arrays are in OpenCV's channel order.
            closer: look once more at a square around the person alone, whose side is so many longer sides of the box.
                A small person in a large photograph is then seen in more pixels, at the price of further looks: one
                more after a text, three more after a point or a scribble, none after a box, around which the one look
                is taken.

        Raises:
            UserError: not exactly one prompt, one of another form, a ``closer`` that is no number of at least 1, or a
                picture that cannot be read.
        """
        image = as_rgb(source, bgr)
        given = {"text": text, "point": point, "scribble": scribble, "box": box}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise UserError(f"give one prompt of {', '.join(given)}, not {len(named)}")
        if text is not None:
            return self._by_text(image, text, closer)
        kind = named[0]
        points = _points(kind, given[kind], (image.shape[0], image.shape[1]))
        if closer is None:
            return self._by_place(Part.whole(image), kind, points)
        if kind != "box":
            parts = [Part.whole(image), *(_around(image, points, share) for share in _SHARES)]
            best = max((self._by_place(part, kind, points) for part in parts), key=lambda answer: answer.score)
            corners = np.concatenate([best.xyxy.reshape(2, 2), points])
            around = np.concatenate([corners.min(0), corners.max(0)])
        else:
            around = points.ravel()
        return self._by_place(Part.around(image, around, closer), kind, points)

    def _by_text(self, image: NDArray[np.uint8], text: Any, closer: float | None) -> Answer:
        if not isinstance(text, str):
            raise UserError(f"text is what is said of the person, such as 'the leftmost person', not {text!r}")
        if not text.strip():
            raise UserError("the text is empty: say whom you mean")
        size, found = (image.shape[0], image.shape[1]), self.look(image)
        answer = answer_of(found, self.finder.ask_texts(found, [text])[0], size, {"text": text})
        if closer is None:
            return answer
        nearer = self._by_place(Part.around(image, answer.xyxy, closer), "box", answer.xyxy.reshape(2, 2))
        return replace(nearer, score=answer.score, prompt=answer.prompt)

    def _by_place(self, part: Part, kind: str, points: Array) -> Answer:
        """Return the person of a part whom points (K, 2) in pixels of the picture mean."""
        found = self.look(part.pixels)
        scores = self.finder.ask_places(found, part.inside(points)[None], kind)[0]
        return part.outside(answer_of(found, scores, part.size, {kind: points.ravel().tolist()}))

    def look(self, image: NDArray[np.uint8]) -> Found:
        """Return everybody in an RGB picture (H, W, 3) of any size."""
        return self.finder.look(resize_image(image, self.finder.size, self.finder.resize_mode)[None])[0]

    def everybody(self, source: Source, detect: Detect, bgr: bool = False, closer: float | None = None) -> list[Answer]:
        """Return an answer for every box of a detector, best first; where it finds nobody, this network does not run.

        Args:
            source: as for a call.
            detect: from :func:`uhd.load`, or anything that returns :class:`uhd.Detections` for an RGB array.
            bgr: arrays are in OpenCV's channel order.
            closer: as for a call: one look around every box in place of one at the picture.
        """
        image = as_rgb(source, bgr)
        boxes = np.asarray(detect(image).xyxy, np.float32)
        if not len(boxes):
            return []
        if closer is not None:
            parts = [Part.around(image, box, closer) for box in boxes]
            return [self._by_place(part, "box", box.reshape(2, 2)) for part, box in zip(parts, boxes, strict=True)]
        size = (image.shape[0], image.shape[1])
        found = self.look(image)
        corners = boxes.reshape(-1, 2, 2) / np.array(size[::-1], np.float32)
        scores = self.finder.ask_places(found, corners.astype(np.float32), "box")
        return [
            answer_of(found, row, size, {"box": box.tolist()}) for row, box in zip(scores, boxes, strict=True)
        ]  # fmt: skip


def _around(image: NDArray[np.uint8], points: Array, share: float) -> Part:
    """Return a square around places (K, 2): a share of the picture's longer side, or three times their own extent."""
    low, high = points.min(0), points.max(0)
    side = max(share * max(image.shape[:2]), 3 * float((high - low).max()))
    return Part.around(image, np.tile((low + high) / 2, 2) + np.array([-1, -1, 1, 1]) * (side / 2), 1.0)


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
