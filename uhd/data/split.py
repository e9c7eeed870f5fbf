"""Which images train and which validate, where the data set does not say so itself."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from uhd.data.records import Record
from uhd.errors import UserError

T = TypeVar("T")


def split(items: list[T], train_split: float, val_split: float, seed: int) -> tuple[list[T], list[T]]:
    """Shuffle with ``random.Random(seed)`` and cut.

    Args:
        items: in an order that does not depend on the file system (sorted by path).
        train_split, val_split: shares, 0 to 1, with a sum of at most 1. Each non-zero share gets at least one item
            where there are two or more; shares that add up to 1 leave nothing out.
        seed: of the shuffle.

    Raises:
        UserError: the shares add up to more than 1.
    """
    if train_split + val_split > 1 + 1e-6:
        raise UserError(
            f"--train-split {train_split:g} plus --val-split {val_split:g} is more than 1: lower one of them"
        )
    order = list(items)
    random.Random(seed).shuffle(order)
    count = len(order)
    train = int(count * train_split + 1e-9)
    val = count - train if abs(train_split + val_split - 1) <= 1e-6 else int(count * val_split + 1e-9)
    if count > 1 and val_split > 0 and val == 0:
        val, train = 1, min(train, count - 1)
    if count > 1 and train_split > 0 and train == 0:
        train, val = 1, min(val, count - 1)
    return order[:train], order[train : train + val]


def split_records(
    records: list[Record], train_split: float, val_split: float, seed: int, by: str = "shuffle"
) -> tuple[list[Record], list[Record]]:
    """Split images one of two ways.

    Args:
        records: sorted by path.
        train_split, val_split: shares; see :func:`split`.
        seed: of the split.
        by: ``shuffle`` cuts exact shares. ``name`` decides each image by itself, from its file's name: the shares are
            met on average, and data that grew keeps its validation images, wherever it was moved.
    """
    if by == "shuffle":
        return split(records, train_split, val_split, seed)
    split([], train_split, val_split, seed)  # for its errors
    places = [(_place(record.image.name, seed), record) for record in records]
    train = [record for place, record in places if place < train_split]
    val = [record for place, record in places if 1 - val_split <= place]
    order = [record for _, record in sorted(places, key=lambda pair: pair[0])]
    if len(order) > 1 and val_split > 0 and not val:
        train, val = [record for record in train if record is not order[-1]], order[-1:]
    if len(order) > 1 and train_split > 0 and not train:
        train, val = order[:1], [record for record in val if record is not order[0]]
    return train, val


def _place(name: str, seed: int) -> float:
    """Return where in [0, 1) a name lies, evenly spread over names."""
    text = f"{seed}\0{name}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") / 2**64


def spread(count: int, wanted: int) -> list[int]:
    """Return ``wanted`` of the numbers 0 to ``count - 1``, evenly spread; all of them where that are fewer."""
    wanted = min(count, wanted)
    return [i * count // wanted for i in range(wanted)]


def write_list(records: Iterable[Record], path: Path) -> None:
    """Write the absolute image paths one per line, as ``--train-list`` and ``--val-list`` read them."""
    lines = [str(record.image.resolve()) for record in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="surrogateescape")
