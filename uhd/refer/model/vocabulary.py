"""The words of the training texts, numbered; everything else is unknown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PAD, UNKNOWN, START = 0, 1, 2
_FIRST = 3
_WORD = re.compile(r"[^\W_]+|[^\w\s]")
_LARGEST = 4000


@dataclass(frozen=True)
class Vocabulary:
    """A list of words; word i has the number i + 3, behind padding (0), unknown (1) and the start of a text (2).

    Attributes:
        words: lower case.
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str], least: int = 1) -> Vocabulary:
        """Return the words of texts that occur at least ``least`` times, the most frequent 4,000."""
        counts = Counter(word for text in texts for word in split_words(text))
        kept = sorted((word for word, count in counts.items() if count >= least), key=lambda w: (-counts[w], w))
        return cls(tuple(kept[:_LARGEST]))

    def __len__(self) -> int:
        return len(self.words) + _FIRST

    def encode(self, texts: Sequence[str], longest: int) -> NDArray[np.int64]:
        """Return the numbers of the words (N, L), L the longest text and its start, at most ``longest``; 0 beyond."""
        number = {word: i + _FIRST for i, word in enumerate(self.words)}
        rows = [[START, *(number.get(word, UNKNOWN) for word in split_words(text))][:longest] for text in texts]
        table = np.full((len(rows), max(map(len, rows), default=1)), PAD, np.int64)
        for row, numbers in zip(table, rows, strict=True):
            row[: len(numbers)] = numbers
        return table

    def unknown(self, text: str) -> list[str]:
        """Return the words of a text that the model has never seen."""
        return [word for word in split_words(text) if word not in self.words]


def split_words(text: str) -> list[str]:
    """Return the words and marks of a text in lower case."""
    return _WORD.findall(text.lower())
