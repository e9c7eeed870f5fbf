"""Teachers and their answers, each photograph looked at once per teacher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from uhd.labelling.pseudo_labels import Answers
from uhd.runtime.foreign.kept_answers import KeptAnswers

_LEAST = 0.05  # answers below are never asked for; they would fill the cache


class Teacher:
    """A detector whose answers are kept in a file, by the content of the photograph.

    Args:
        path: any model file that this package can run.
        cache: folder for ``<name>-<digest>.jsonl``; a killed run loses at most the line it was writing.
        threads: of the runtime.

    Attributes:
        name: of the model, for records.
        asked: how many photographs it looked at itself, as opposed to answers found in the cache.
    """

    def __init__(self, path: Path, cache: Path, threads: int = 1) -> None:
        self.name, self._detect = _open(path, threads)
        self.asked = 0
        self._kept = KeptAnswers(cache, path, (5,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kept.close()

    def answers(self, content: str, image: Callable[[], NDArray[np.uint8]]) -> Answers:
        """Return boxes (N, 4) ``xyxy`` normalised and scores (N,) for a photograph.

        Args:
            content: digest of the photograph's file.
            image: reads its RGB pixels (H, W, 3); called only when the answer is not known.
        """
        if content not in self._kept:
            boxes, scores = self._detect(image())
            enough = scores >= _LEAST
            self._kept.add(content, np.concatenate([boxes[enough], scores[enough, None]], 1))
            self.asked += 1
        rows = self._kept[content]
        return rows[:, :4], rows[:, 4]


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
