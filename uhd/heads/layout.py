"""What every kind of head says of itself in NumPy, whatever framework its network is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Prediction = tuple[Array, Array]


class Layout(Protocol):
    """How the raw maps of a head are read.

    Attributes:
        kind: key of the head in every dict of heads.
        outputs: names of the raw maps, in order.
    """

    kind: ClassVar[str]
    outputs: ClassVar[tuple[str, ...]]

    @property
    def every_class(self) -> bool:
        """Whether each class of a prediction is a detection of its own, rather than only the best one."""

    def predictions(self, raw: tuple[Array, ...]) -> list[Prediction]:
        """Decode raw maps, as NumPy arrays in the order of :attr:`outputs`.

        Returns:
            per image: boxes (N, 4) ``xyxy`` normalised and not clipped, scores (N, classes).
        """

    def to_metadata(self) -> dict[str, str]:
        """Return text from which :meth:`from_metadata` rebuilds the layout."""

    @classmethod
    def from_metadata(cls, table: Mapping[str, str]) -> Layout:
        """Rebuild from text; missing values take the defaults.

        Raises:
            ValueError: a value is malformed, or one without default is missing.
        """
