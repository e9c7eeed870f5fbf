"""Which images a model was trained on, in a kilobyte: so that it is not measured on them unawares."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# So many images of the lowest fingerprints are remembered: all of a small data set, a fair sample of a large one.
_KEPT = 128


@dataclass(frozen=True)
class TrainedOn:
    """The data of a training, and how it was split.

    Attributes:
        data: name of the folder or file.
        seed: of the split; None where the data had parts of its own, or nobody knows.
        train_split, val_split: shares, 0 to 1.
        split_by: how the split was drawn, see :mod:`uhd.data.split`; files that do not say it are of shuffled splits.
        images: that it was trained on.
        sketch: the lowest fingerprints of those images, ascending.
    """

    data: str = ""
    seed: int | None = None
    train_split: float = 0.8
    val_split: float = 0.2
    split_by: str = "shuffle"
    images: int = 0
    sketch: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return {**vars(self), "sketch": " ".join(self.sketch)}

    @classmethod
    def from_plain(cls, table: Mapping[str, Any]) -> TrainedOn:
        """Rebuild from :meth:`to_plain`; keys of later versions are passed over.

        Raises:
            ValueError: a value is malformed.
            TypeError: likewise.
        """
        known = {name: value for name, value in table.items() if name in cls.__dataclass_fields__}
        known["sketch"] = tuple(str(known.get("sketch", "")).split())
        return cls(**known)

    def among(self, images: Sequence[Path]) -> float:
        """Return the share of images that the model was trained on, 0 to 1: exact for up to 128 training images.

        Of a larger training only the images of the lowest fingerprints are remembered; the share is that among the
        images asked about whose fingerprints are as low.
        """
        if not self.sketch:
            return 0.0
        known, highest = set(self.sketch), self.sketch[-1]
        asked = [each for each in map(fingerprint, images) if self.images <= len(known) or each <= highest]
        return sum(each in known for each in asked) / max(1, len(asked))


def sketch_of(images: Iterable[Path]) -> tuple[str, ...]:
    """Return what :class:`TrainedOn` remembers of training images."""
    return tuple(sorted({fingerprint(path) for path in images})[:_KEPT])


def fingerprint(path: Path) -> str:
    """Return eight hexadecimal digits of an image's name and size in bytes, wherever its folder was moved."""
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    return hashlib.sha256(f"{path.name}\0{size}".encode("utf-8", "surrogateescape")).hexdigest()[:8]
