"""What a detector found in one image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import xyxy_to_cxcywh

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True, eq=False, slots=True)
class Detections:
    """Boxes of one image, best score first.

    Attributes:
        xyxy: (N, 4) float32, left, top, right, bottom in pixels of the source image.
        scores: (N,) float32, 0 to 1.
        class_ids: (N,) int64, position in ``class_names``.
        image_size: (height, width) of the source image in pixels.
        class_names: names by class id.
        track_ids: (N,) int64, the number of each person in a video, or None where nobody tracks.
    """

    xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    image_size: tuple[int, int]
    class_names: tuple[str, ...] = ("person",)
    track_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
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

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.to_dicts())

    def __getitem__(self, index: NDArray[Any] | slice | list[int]) -> Detections:
        """Return the detections that a mask, an index array or a slice selects."""
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

    def to_json(self, **extra: Any) -> str:
        """Return a JSON object with the image size and the boxes; ``extra`` adds fields such as the file's name."""
        height, width = self.image_size
        return json.dumps({**extra, "height": height, "width": width, "detections": self.to_dicts()})

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
        """Return a ``supervision.Detections`` (needs the package ``supervision``)."""
        import supervision

        names = np.array([self.name_of(int(class_id)) for class_id in self.class_ids])
        return supervision.Detections(
            xyxy=self.xyxy,
            confidence=self.scores,
            class_id=self.class_ids,
            tracker_id=self.track_ids,
            data={"class_name": names},
        )
