"""Teachers and their answers, each photograph looked at once per teacher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.labelling.pseudo_labels import Answers
from uhd.runtime.foreign.kept_answers import KeptAnswers

if TYPE_CHECKING:
    from uhd.runtime.foreign import FoundClasses

_LEAST = 0.05  # answers below are never asked for; they would fill the cache


class Teacher:
    """A detector whose answers are kept in a file, by the content of the photograph.

    Args:
        path: any model file that this package can run.
        cache: folder for ``<name>-<digest>.jsonl``; a killed run loses at most the line it was writing.
        threads: of the runtime.
        every_class: ask for all that it knows instead of people alone.

    Attributes:
        name: of the model, for records.
        class_names: of what is asked for, by number; people are 0.
        asked: how many photographs it looked at itself, as opposed to answers found in the cache.

    Raises:
        UserError: the file is no detector, or is asked for every class and knows people only.
    """

    def __init__(self, path: Path, cache: Path, threads: int = 1, every_class: bool = False) -> None:
        self.asked, self._every_class = 0, every_class
        self._detect: Callable[[NDArray[np.uint8]], tuple[NDArray[Any], ...]]
        self.class_names: tuple[str, ...] = ("person",)
        if every_class:
            self.name, self.class_names, self._detect = _open_classes(path, threads)
            self._kept = KeptAnswers(cache, path, (6,), "-classes")
        else:
            self.name, self._detect = _open(path, threads)
            self._kept = KeptAnswers(cache, path, (5,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kept.close()

    def answers(self, content: str, image: Callable[[], NDArray[np.uint8]]) -> dict[int, Answers]:
        """Return class number -> boxes (N, 4) ``xyxy`` normalised and scores (N,) for a photograph; 0 is always there.

        Args:
            content: digest of the photograph's file.
            image: reads its RGB pixels (H, W, 3); called only when the answer is not known.
        """
        if content not in self._kept:
            boxes, *columns = self._detect(image())
            rows = np.concatenate([boxes, *(column[:, None].astype(np.float32) for column in columns)], 1)
            self._kept.add(content, rows[rows[:, 4] >= _LEAST])
            self.asked += 1
        rows = self._kept[content]
        labels = rows[:, 5].astype(int) if self._every_class else np.zeros(len(rows), int)
        of = {int(label): rows[labels == label] for label in {0, *labels.tolist()}}
        return {label: (each[:, :4], each[:, 4]) for label, each in of.items()}


def _open_classes(path: Path, threads: int) -> tuple[str, tuple[str, ...], Callable[[NDArray[np.uint8]], FoundClasses]]:
    from uhd.runtime.foreign import ManyClasses, kind_of

    kind = kind_of(path) if path.is_file() else None
    foreign: object = None if kind is None else kind(path, threads)
    if not isinstance(foreign, ManyClasses):
        raise UserError(
            f"--every-class: {path} tells no classes apart (docs/labelling.md names who does): leave it out"
        )
    return foreign.name, foreign.class_names, foreign.every_class


def _open(path: Path, threads: int) -> tuple[str, Callable[[NDArray[np.uint8]], Answers]]:
    from uhd.runtime.foreign import kind_of

    kind = kind_of(path) if path.is_file() else None
    if kind is not None:
        foreign = kind(path, threads)
        return foreign.name, foreign
    from uhd.load import load

    predictor = load(path, threads=threads).predictor

    def detect(image: NDArray[np.uint8]) -> Answers:
        found = predictor.predict([image], conf_thresh=_LEAST)[0]
        limit = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
        return np.asarray(found.xyxy / limit, np.float32), found.scores

    return path.name, detect
