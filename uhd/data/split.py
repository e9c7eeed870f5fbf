"""Which images train and which validate, where the data set does not say so itself."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
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
    """Split images, given sorted by path; see :func:`split_named`."""
    return split_named(records, [record.image.name for record in records], train_split, val_split, seed, by)


def split_named(
    items: list[T], names: Sequence[str], train_split: float, val_split: float, seed: int, by: str
) -> tuple[list[T], list[T]]:
    """Split items one of two ways.

    Args:
        items: sorted by path.
        names: of their files.
        train_split, val_split: shares; see :func:`split`.
        seed: of the split.
        by: ``shuffle`` cuts exact shares. ``name`` decides each image by itself, from its file's name: the shares are
            met on average, and data that grew keeps its validation images, wherever it was moved.
    """
    if by == "shuffle":
        return split(items, train_split, val_split, seed)
    split([], train_split, val_split, seed)  # for its errors
    places = [(_place(name, seed), item) for name, item in zip(names, items, strict=True)]
    train = [item for place, item in places if place < train_split]
    val = [item for place, item in places if 1 - val_split <= place]
    order = [item for _, item in sorted(places, key=lambda pair: pair[0])]
    if len(order) > 1 and val_split > 0 and not val:
        train, val = [item for item in train if item is not order[-1]], order[-1:]
    if len(order) > 1 and train_split > 0 and not train:
        train, val = order[:1], [item for item in val if item is not order[0]]
    return train, val


def _place(name: str, seed: int) -> float:
    """Return where in [0, 1) a name lies, evenly spread over names."""
    text = f"{seed}\0{name}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") / 2**64


def spread(count: int, wanted: int) -> list[int]:
    """Return ``wanted`` of the numbers 0 to ``count - 1``, evenly spread; all of them where that are fewer."""
    wanted = min(count, wanted)
    return [i * count // wanted for i in range(wanted)]
