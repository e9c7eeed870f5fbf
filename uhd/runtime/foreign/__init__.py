"""Detectors and poses of other projects as teachers and peers: one file per kind, found by what the file looks like.

To add one: write a file with a class that has ``recognises`` and ``__call__`` as in :class:`ForeignDetector` or
:class:`ForeignPoses`, and add a line to ``DETECTORS`` or ``POSES``. One that knows more than people may have what
:class:`ManyClasses` asks for, too.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError

Found = tuple[NDArray[np.float32], NDArray[np.float32]]
FoundClasses = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]

# Suffix -> module and class, tried in this order.
DETECTORS: dict[str, tuple[str, ...]] = {
    ".onnx": ("uhd.runtime.foreign.nanodet:NanoDet",),
    ".tflite": ("uhd.runtime.foreign.mediapipe_ssd:MediaPipeSsd",),
}
POSES: dict[str, tuple[str, ...]] = {
    ".onnx": ("uhd.runtime.foreign.movenet:MoveNet",),
    ".tflite": ("uhd.runtime.foreign.movenet:MoveNet",),
}


class ForeignModel(Protocol):
    """A model file that is not of this package.

    Attributes:
        name: of the model and its licence, for records.
    """

    name: str

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Whether a file of the right suffix is a model of this kind; looks at names and shapes only."""
        ...

    def __init__(self, path: Path, threads: int = 1) -> None: ...


@runtime_checkable
class ForeignDetector(ForeignModel, Protocol):
    """People found by a detector that is not of this package."""

    def __call__(self, image: NDArray[np.uint8]) -> Found:
        """Return the people in an RGB image (H, W, 3) uint8 of any size.

        Returns:
            boxes (N, 4) float32 ``xyxy`` normalised to the image and clipped, scores (N,) float32 in [0, 1], best
            first; overlapping answers are not suppressed.
        """
        ...


@runtime_checkable
class ManyClasses(Protocol):
    """A detector that tells things apart.

    Attributes:
        name: of the model and its licence, for records.
        class_names: by number; people are 0.
    """

    name: str
    class_names: tuple[str, ...]

    def every_class(self, image: NDArray[np.uint8]) -> FoundClasses:
        """Return all that is seen in an RGB image (H, W, 3) uint8 of any size.

        Returns:
            boxes (N, 4), scores (N,) as of :class:`ForeignDetector`, and class numbers (N,).
        """
        ...


@runtime_checkable
class ForeignPoses(ForeignModel, Protocol):
    """The keypoints of people whose boxes are known, by a model that is not of this package."""

    def __call__(self, image: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the 17 keypoints of each person in an RGB image (H, W, 3) uint8 of any size.

        Args:
            image: the picture.
            boxes: (N, 4) float32 ``xyxy`` normalised to it.

        Returns:
            (N, 17, 3) float32: x and y normalised to the image, not clipped, and a score in [0, 1].
        """
        ...


def kind_of(path: Path) -> type[ForeignDetector] | None:
    """Return the class that runs a model file, or None when no known detector looks like it."""
    kind: type[ForeignDetector] | None = _first(DETECTORS, path)
    return kind


def open_foreign(path: Path, threads: int = 1) -> ForeignDetector:
    """Open a detector of another project.

    Raises:
        UserError: there is no such file, or none of ``DETECTORS`` looks like it.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    kind = kind_of(path)
    if kind is None:
        known = _names(DETECTORS)
        raise UserError(f"{path}: neither a model of this package nor of a known kind ({known}); docs/labelling.md")
    return kind(path, threads)


def open_poses(path: Path, threads: int = 1) -> ForeignPoses:
    """Open a model of poses.

    Raises:
        UserError: there is no such file, or none of ``POSES`` looks like it.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    kind: type[ForeignPoses] | None = _first(POSES, path)
    if kind is None:
        raise UserError(f"{path}: no model of poses of a known kind ({_names(POSES)}); docs/refer.md")
    return kind(path, threads)


def _first(table: dict[str, tuple[str, ...]], path: Path) -> Any:
    for place in table.get(path.suffix.lower(), ()):
        module, name = place.split(":")
        kind = getattr(import_module(module), name)
        if kind.recognises(path):
            return kind
    return None


def _names(table: dict[str, tuple[str, ...]]) -> str:
    return ", ".join(dict.fromkeys(place.split(":")[1] for places in table.values() for place in places))
