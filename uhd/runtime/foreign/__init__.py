"""Detectors of other projects as teachers and as peers: one file per kind, found by what the model file looks like.

To add one: write a file with a class that has ``recognises`` and ``__call__`` as in :class:`ForeignDetector`, and add
a line to ``DETECTORS``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError

Found = tuple[NDArray[np.float32], NDArray[np.float32]]

# Suffix -> module and class, tried in this order.
DETECTORS: dict[str, tuple[str, ...]] = {
    ".onnx": ("uhd.runtime.foreign.nanodet:NanoDet",),
    ".tflite": ("uhd.runtime.foreign.mediapipe_ssd:MediaPipeSsd",),
}


@runtime_checkable
class ForeignDetector(Protocol):
    """People found by a detector that is not of this package.

    Attributes:
        name: of the detector and its licence, for records.
    """

    name: str

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether a file of the right suffix is a model of this kind; looks at names and shapes only."""
        ...

    def __init__(self, path: Path, threads: int = 1) -> None: ...

    def __call__(self, image: NDArray[np.uint8]) -> Found:
        """Return the people in an RGB image (H, W, 3) uint8 of any size.

        Returns:
            boxes (N, 4) float32 ``xyxy`` normalised to the image and clipped, scores (N,) float32 in [0, 1], best
            first; overlapping answers are not suppressed.
        """
        ...


def kind_of(path: Path) -> type[ForeignDetector] | None:
    """Return the class that runs a model file, or None when no known detector looks like it."""
    for place in DETECTORS.get(path.suffix.lower(), ()):
        module, name = place.split(":")
        kind: type[ForeignDetector] = getattr(import_module(module), name)
        if kind.recognises(path):
            return kind
    return None


def open_foreign(path: Path, threads: int = 1) -> ForeignDetector:
    """Open a detector of another project.

    Raises:
        UserError: there is no such file, or none of ``DETECTORS`` looks like it.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    kind = kind_of(path)
    if kind is None:
        known = ", ".join(place.split(":")[1] for places in DETECTORS.values() for place in places)
        raise UserError(f"{path}: neither a model of this package nor of a known kind ({known}); docs/labelling.md")
    return kind(path, threads)
