"""The vocabulary of a pretrained encoder of BERT's kind: words in pieces (https://arxiv.org/abs/1609.08144)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.refer.model.vocabulary import PAD, Vocabulary, split_words

_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


class WordPieces(Vocabulary):
    """A list of pieces; piece i has the number i, ``##`` before one says that it continues a word."""

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, texts: Sequence[str], longest: int) -> NDArray[np.int64]:
        """Return the numbers of the pieces (N, L) between a start and an end, at most ``longest``; 0 beyond."""
        number = {piece: i for i, piece in enumerate(self.words)}
        unknown, start, end = (number[mark] for mark in _MARKS[1:])
        rows = []
        for text in texts:
            pieces = [piece for word in split_words(text) for piece in _pieces(word, number, unknown)]
            rows.append([start, *pieces[: longest - 2], end])
        table = np.full((len(rows), max(map(len, rows), default=1)), PAD, np.int64)
        for row, numbers in zip(table, rows, strict=True):
            row[: len(numbers)] = numbers
        return table

    def unknown(self, text: str) -> list[str]:
        """Return the words of a text that no pieces make."""
        number = {piece: i for i, piece in enumerate(self.words)}
        return [word for word in split_words(text) if _pieces(word, number, -1) == [-1]]


def _pieces(word: str, number: dict[str, int], unknown: int) -> list[int]:
    """Return the longest pieces of a word from the left."""
    found, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        end = next((e for e in range(len(word), start, -1) if mark + word[start:e] in number), None)
        if end is None:
            return [unknown]
        found.append(number[mark + word[start:end]])
        start = end
    return found


def vocabulary_of(words: Sequence[str]) -> Vocabulary:
    """Return a kept list of words as the kind of vocabulary that it was."""
    return WordPieces(tuple(words)) if words and words[0] == _MARKS[0] else Vocabulary(tuple(words))


def read_pieces(path: Path) -> WordPieces:
    """Return the pieces of a ``vocab.txt``, or of the folder that has one.

    Raises:
        UserError: there is none, or it lacks the marks for padding, start and end.
    """
    place = path / "vocab.txt" if path.is_dir() else path
    try:
        words = tuple(place.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{place}: cannot be read; a list of pieces, one a line, is needed") from None
    if words[:1] != _MARKS[:1] or any(mark not in words for mark in _MARKS):
        raise UserError(f"{place}: is no list of word pieces: {_MARKS[0]} first, and {', '.join(_MARKS[1:])} somewhere")
    return WordPieces(words)
