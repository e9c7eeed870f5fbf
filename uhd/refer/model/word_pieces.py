"""The vocabulary of a pretrained encoder of BERT's kind: words in pieces (https://arxiv.org/abs/1609.08144)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.refer.model.vocabulary import PAD, Vocabulary

PAD_MARK = "[PAD]"
_MARKS = (PAD_MARK, "[UNK]", "[CLS]", "[SEP]")


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
            pieces = [piece for word in split_as_bert(text) for piece in _pieces(word, number, unknown)]
            rows.append([start, *pieces[: longest - 2], end])
        table = np.full((len(rows), max(map(len, rows), default=1)), PAD, np.int64)
        for row, numbers in zip(table, rows, strict=True):
            row[: len(numbers)] = numbers
        return table

    def unknown(self, text: str) -> list[str]:
        """Return the words of a text that no pieces make."""
        number = {piece: i for i, piece in enumerate(self.words)}
        return [word for word in split_as_bert(text) if _pieces(word, number, -1) == [-1]]


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


def split_as_bert(text: str) -> list[str]:
    """Return words and marks of a text as BERT cuts it: lower case, without accents, every mark alone."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if _is_mark(c) else c for c in plain).split()


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "P" or (
        letter.isascii() and letter.isprintable() and not letter.isalnum()
    )


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
