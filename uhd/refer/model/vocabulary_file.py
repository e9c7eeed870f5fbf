"""Vocabularies of pretrained text encoders, read from their folders, and of any kind from the words that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from uhd.refer.model.byte_pairs import MARKS, BytePairs, read_byte_pairs
from uhd.refer.model.vocabulary import Vocabulary
from uhd.refer.model.word_pieces import PAD_MARK, WordPieces, read_pieces


def vocabulary_of(words: Sequence[str]) -> Vocabulary:
    """Return a kept list of words as the kind of vocabulary that it was."""
    kinds = {PAD_MARK: WordPieces, MARKS[0]: BytePairs}
    return kinds.get(words[0] if words else "", Vocabulary)(tuple(words))


def read_vocabulary(folder: Path) -> Vocabulary:
    """Return the vocabulary of a folder: ``vocab.json`` and ``merges.txt``, or ``vocab.txt``.

    Raises:
        UserError: it has neither, or they are damaged.
    """
    return read_byte_pairs(folder) if (folder / "vocab.json").is_file() else read_pieces(folder)
