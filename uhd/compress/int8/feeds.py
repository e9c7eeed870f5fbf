"""What a model is fed for calibration: as often as it is asked for, and large frames one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Feed = NDArray[np.generic]


class Feeds(Protocol):
    """Inputs of a model, one array for each run; every pass over them yields the same. A list will do."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the arrays."""

    def __len__(self) -> int:
        """Return their number."""


class ReadAgain:
    """Feeds that are made from their files whenever they are asked for; nothing is held between.

    Args:
        paths: of the images.
        make: from a path to its array.
    """

    def __init__(self, paths: Sequence[Path], make: Callable[[Path], Feed]) -> None:
        self.paths, self.make = list(paths), make

    def __iter__(self) -> Iterator[Feed]:
        """Yield one array after the other."""
        return map(self.make, self.paths)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)
