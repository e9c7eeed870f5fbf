"""What a detector found in one image."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import xyxy_to_cxcywh
from uhd.errors import UserError

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Detections:
    """Boxes of one image, best score first.

    Iterating gives one dict for each box (:meth:`to_dicts`); an index of any kind gives :class:`Detections`. Numbers of
    another width are taken over as those named here.

    Attributes:
        xyxy: (N, 4) float32, left, top, right, bottom in pixels of the source image.
        scores: (N,) float32, 0 to 1.
        class_ids: (N,) int64, position in ``class_names``.
        image_size: (height, width) of the source image in pixels.
        class_names: names by class id.
        track_ids: (N,) int64, the number of each person in a video, or None where nobody tracks.

    Raises:
        ValueError: shapes that disagree, or values that are no numbers of the named kind.
    """

    xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    image_size: tuple[int, int]
    class_names: tuple[str, ...] = ("person",)
    track_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        for name, taken_over in _TAKEN_OVER:
            given = getattr(self, name)
            if given is not None and (found := taken_over(name, given)) is not given:
                object.__setattr__(self, name, found)
        count = len(self.xyxy)
        if self.xyxy.shape != (count, 4) or self.scores.shape != (count,) or self.class_ids.shape != (count,):
            raise ValueError(
                f"xyxy {self.xyxy.shape}, scores {self.scores.shape} and class_ids {self.class_ids.shape} disagree"
            )
        if self.track_ids is not None and self.track_ids.shape != (count,):
            raise ValueError(f"track_ids {self.track_ids.shape} and {count} boxes disagree")

    @classmethod
    def empty(cls, image_size: tuple[int, int], class_names: tuple[str, ...] = ("person",)) -> Detections:
        """Return no detections for an image of ``image_size`` (height, width)."""
        none = np.zeros((0, 4), np.float32)
        return cls(none, np.zeros(0, np.float32), np.zeros(0, np.int64), image_size, class_names)

    @classmethod
    def merge(cls, parts: Sequence[Detections]) -> Detections:
        """Return the detections of several searches of one image together, best first; equal scores keep their order.

        Args:
            parts: at least one, of the same image size and class names, all or none of them tracked.

        Raises:
            ValueError: none is given, or they are not of one image and one set of names.
        """
        if not parts:
            raise ValueError("no detections to merge; an image without any is Detections.empty(image_size)")
        first = parts[0]
        for part in parts:
            if (part.image_size, part.class_names) != (first.image_size, first.class_names):
                raise ValueError(f"{part!r} and {first!r} are not of one image and one set of class names")
            if (part.track_ids is None) != (first.track_ids is None):
                raise ValueError("some of these detections are tracked and some are not")
        xyxy, scores, class_ids = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("xyxy", "scores", "class_ids")
        )
        numbers = [part.track_ids for part in parts if part.track_ids is not None]
        together = cls(
            xyxy, scores, class_ids, first.image_size, first.class_names, np.concatenate(numbers) if numbers else None
        )
        return together[np.argsort(-scores, kind="stable")]

    def __repr__(self) -> str:
        height, width = self.image_size
        shown = [
            f"{self.name_of(int(i))} {score:.2f}" for i, score in zip(self.class_ids[:3], self.scores, strict=False)
        ]
        more = [f"{len(self) - 3} more"] if len(self) > 3 else []
        return f"<Detections {len(self)} in {width}x{height}{': ' if shown else ''}{', '.join(shown + more)}>"

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.to_dicts())

    def __getitem__(self, index: int | NDArray[Any] | slice | list[int] | list[bool]) -> Detections:
        """Return the detections that a number, a mask, an index array or a slice selects.

        Raises:
            IndexError: there is no such detection.
        """
        if isinstance(index, int | np.integer):
            index = [range(len(self))[index]]
        elif isinstance(index, list) and not index:
            index = slice(0, 0)
        track_ids = None if self.track_ids is None else self.track_ids[index]
        return Detections(
            self.xyxy[index], self.scores[index], self.class_ids[index], self.image_size, self.class_names, track_ids
        )

    def above(self, score: float) -> Detections:
        """Return the detections with at least this score."""
        return self[self.scores >= score]

    def name_of(self, class_id: int) -> str:
        """Return the class name, or the number as text when the model carries no name for it."""
        return self.class_names[class_id] if 0 <= class_id < len(self.class_names) else str(class_id)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict per box: ``xyxy`` in pixels, ``score``, ``class_id``, ``class_name``, ``track_id``."""
        numbers = [{}] * len(self) if self.track_ids is None else [{"track_id": i} for i in self.track_ids.tolist()]
        return [
            {
                "xyxy": [round(float(edge), 2) for edge in box],
                "score": round(float(score), 5),
                "class_id": int(class_id),
                "class_name": self.name_of(int(class_id)),
                **number,
            }
            for box, score, class_id, number in zip(self.xyxy, self.scores, self.class_ids, numbers, strict=True)
        ]

    def to_dict(self, **extra: Any) -> dict[str, Any]:
        """Return the image size and the boxes as plain values; ``extra`` adds fields such as the file's name."""
        height, width = self.image_size
        return {**extra, "height": height, "width": width, "detections": self.to_dicts()}

    def to_json(self, **extra: Any) -> str:
        """Return :meth:`to_dict` as a JSON object."""
        return json.dumps(self.to_dict(**extra))

    def to_coco(self, image_id: int | str) -> list[dict[str, Any]]:
        """Return COCO result entries: ``bbox`` is left, top, width, height in pixels; category ids start at 1."""
        corner = np.concatenate([self.xyxy[:, :2], xyxy_to_cxcywh(self.xyxy)[:, 2:]], axis=1)
        return [
            {
                "image_id": image_id,
                "category_id": int(class_id) + 1,
                "bbox": [float(v) for v in box],
                "score": float(score),
            }
            for box, score, class_id in zip(corner, self.scores, self.class_ids, strict=True)
        ]

    def to_supervision(self) -> supervision.Detections:
        """Return a ``supervision.Detections``; boxes ``xyxy`` in pixels.

        Raises:
            UserError: the package ``supervision`` is not installed.
        """
        try:
            import supervision
        except ModuleNotFoundError as error:
            raise UserError(f"to_supervision() needs {error.name}: pip install supervision") from None
        names = np.array([self.name_of(int(class_id)) for class_id in self.class_ids])
        return supervision.Detections(
            xyxy=self.xyxy,
            confidence=self.scores,
            class_id=self.class_ids,
            tracker_id=self.track_ids,
            data={"class_name": names},
        )


def _as_floats(name: str, values: Any) -> NDArray[np.float32]:
    found = np.asarray(values)
    if found.dtype == np.float32:
        return found
    if found.dtype.kind not in "fiu":
        raise ValueError(f"{name} of type {found.dtype} are not numbers")
    return found.astype(np.float32)


def _as_whole(name: str, values: Any) -> NDArray[np.int64]:
    found = np.asarray(values)
    if found.dtype == np.int64:
        return found
    if found.dtype.kind not in "iu" and found.size:
        raise ValueError(f"{name} of type {found.dtype} are not whole numbers")
    return found.astype(np.int64)


_TAKEN_OVER: tuple[tuple[str, Callable[[str, Any], NDArray[Any]]], ...] = (
    ("xyxy", _as_floats),
    ("scores", _as_floats),
    ("class_ids", _as_whole),
    ("track_ids", _as_whole),
)
