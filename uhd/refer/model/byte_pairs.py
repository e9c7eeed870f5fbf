"""The vocabulary of RoBERTa: bytes, joined pair by pair (https://arxiv.org/abs/1508.07909), as GPT-2 cuts its texts."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError
from uhd.refer.model.vocabulary import PAD, Vocabulary

MARKS = ("<pad>", "<s>", "</s>", "<unk>")
_START, _END = 1, 2
_FILES = ("vocab.json", "merges.txt")
_ENDINGS = re.compile(r"'(?:s|t|re|ve|m|ll|d)")
# Of kinds of characters: letters, digits, others, a space ( ), other blanks (_).
_CHUNK = re.compile(r" ?L+| ?N+| ?O+|[ _]+(?![LNO])|[ _]+")


class BytePairs(Vocabulary):
    """Pieces of texts, then the pairs that are joined, the first ones first, with a space between both parts.

    Piece i has the number i: that of the file, but padding is 0 and the start of a text 1.
    """

    @cached_property
    def number(self) -> dict[str, int]:
        """The pieces, numbered."""
        return {word: i for i, word in enumerate(word for word in self.words if " " not in word)}

    @cached_property
    def rank(self) -> dict[tuple[str, str], int]:
        """The pairs in the order in which they are joined."""
        pairs = (tuple(word.split(" ")) for word in self.words if " " in word)
        return {(a, b): i for i, (a, b) in enumerate(pairs)}

    def __len__(self) -> int:
        return len(self.number)

    def encode(self, texts: Sequence[str], longest: int) -> NDArray[np.int64]:
        """Return the numbers of the pieces (N, L) between a start and an end, at most ``longest``; 0 beyond."""
        unknown = self.number[MARKS[3]]
        rows = []
        for text in texts:
            pieces = [self.number.get(p, unknown) for chunk in chunks_of(text) for p in self._join(chunk)]
            rows.append([_START, *pieces[: longest - 2], _END])
        table = np.full((len(rows), max(map(len, rows), default=1)), PAD, np.int64)
        for row, numbers in zip(table, rows, strict=True):
            row[: len(numbers)] = numbers
        return table

    def unknown(self, text: str) -> list[str]:
        """Return the words of a text that no pieces make: none, where all bytes are pieces."""
        return [chunk for chunk in chunks_of(text) if any(piece not in self.number for piece in self._join(chunk))]

    def _join(self, chunk: str) -> list[str]:
        """Return the pieces of a chunk: of all neighbours the earliest pair is joined, until none is left."""
        parts = [_LETTERS[byte] for byte in chunk.encode()]
        while len(parts) > 1:
            pair = min(pairwise(parts), key=lambda p: self.rank.get(p, len(self.rank)))
            if pair not in self.rank:
                break
            joined, i = [], 0
            while i < len(parts):
                fits = tuple(parts[i : i + 2]) == pair
                joined.append("".join(pair) if fits else parts[i])
                i += 2 if fits else 1
            parts = joined
        return parts


def chunks_of(text: str) -> list[str]:
    """Return a text in words with the space before them, numbers, marks and blanks; together they are the text."""
    kinds, found, at = "".join(map(_kind, text)), [], 0
    while at < len(text):
        match = _ENDINGS.match(text, at) or _CHUNK.match(kinds, at)
        assert match is not None
        found.append(text[at : match.end()])
        at = match.end()
    return found


def read_byte_pairs(folder: Path) -> BytePairs:
    """Return the vocabulary of a folder with ``vocab.json`` and ``merges.txt``.

    Raises:
        UserError: one is missing, or they are no such vocabulary.
    """
    table, pairs = (folder / name for name in _FILES)
    try:
        numbers = json.loads(table.read_text(encoding="utf-8"))
        lines = pairs.read_text(encoding="utf-8").splitlines()
        words = sorted(numbers, key=numbers.__getitem__)
    except (OSError, ValueError, TypeError, AttributeError):
        raise UserError(f"{folder}: {_FILES[0]} and {_FILES[1]} cannot be read") from None
    if words[:4] != [MARKS[1], MARKS[0], *MARKS[2:]]:
        raise UserError(f"{table}: is not RoBERTa's: it begins with {words[:4]}")
    merges = [line for line in lines if line and not line.startswith("#version")]
    if [numbers[word] for word in words] != list(range(len(words))) or any(line.count(" ") != 1 for line in merges):
        raise UserError(f"{folder}: numbers are missing in {_FILES[0]}, or {_FILES[1]} has a line that is no pair")
    return BytePairs((*MARKS, *words[4:], *merges))


def _kind(letter: str) -> str:
    if letter == " ":
        return " "
    if letter.isspace():
        return "_"
    kind = unicodedata.category(letter)[0]
    return kind if kind in "LN" else "O"


def _byte_letters() -> list[str]:
    """Return a printable character for every byte: itself, or one of those behind the first 256."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [byte for byte in range(256) if byte not in plain]
    return [chr(byte) if byte in plain else chr(256 + rest.index(byte)) for byte in range(256)]


_LETTERS = _byte_letters()
