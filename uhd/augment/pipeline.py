"""The operations of an augmentation file, run on a sample."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uhd.augment.layout import GEOMETRY, MIXING, SAMPLES, read_operations
from uhd.augment.layout import OPERATIONS as OPERATIONS
from uhd.augment.mixing import Mosaic
from uhd.augment.second import look_again, place_in, repaint
from uhd.augment.view import View
from uhd.augment.visible import WHOLE, Window, objects_in
from uhd.config import to_plain
from uhd.sample import Sample, SecondImage

DrawPartner = Callable[[np.random.Generator], Sample]


@dataclass(frozen=True)
class _Stage:
    """Geometric operations that follow each other, then others that follow each other."""

    geometry: tuple[Any, ...]
    later: tuple[Any, ...]

    def look(self, view: View, rng: np.random.Generator) -> View:
        for operation in self.geometry:
            view = operation(view, rng)
        return view


def _stages(operations: Sequence[Any]) -> list[_Stage]:
    """Split a list in front of every geometric operation that follows one of another kind; mosaics are left out."""
    parts: list[tuple[list[Any], list[Any]]] = [([], [])]
    for operation in operations:
        if isinstance(operation, GEOMETRY):
            if parts[-1][1]:
                parts.append(([], []))
            parts[-1][0].append(operation)
        elif not isinstance(operation, Mosaic):
            parts[-1][1].append(operation)
    return [_Stage(tuple(geometry), tuple(later)) for geometry, later in parts]


class Pipeline:
    """Augmentation of one sample, in the order listed.

    Geometric operations only move a window, so the photograph is read once, at network size, by the first operation
    that works on pixels or on finished boxes; geometric operations after that one move a window on the small image.
    A mosaic joins four samples where the photographs are read, wherever it is listed: what is geometric before the
    first operation on pixels acts on each of the four, what follows acts on the whole.

    Args:
        operations: instances of the operations in :mod:`uhd.augment.layout`.

    Attributes:
        operations: the same.
    """

    def __init__(self, operations: Sequence[Any]) -> None:
        self.operations = tuple(operations)
        self._mosaics = tuple(operation for operation in self.operations if isinstance(operation, Mosaic))
        self._stages = _stages(self.operations)

    @classmethod
    def load(
        cls,
        source: Path | str | Mapping[str, Any] | Sequence[Any] | None,
        classes: Sequence[int] = (0,),
        warn: Callable[[str], None] | None = None,
    ) -> Pipeline:
        """Read a YAML file or table; None takes our recipe. Layouts: :func:`uhd.augment.layout.read_operations`.

        Args:
            source: file, table or list.
            classes: wanted raw class numbers, in the order of the labels, to translate ``class_swap_map``.
            warn: receives one line that names unknown operations and keys; the default prints it to standard error.

        Raises:
            UserError: unreadable file, value of the wrong kind or out of range, or no operation that is known.
        """
        return cls(read_operations(source, classes, warn))

    def __call__(
        self,
        sample: Sample,
        rng: np.random.Generator,
        size: tuple[int, int],
        mode: str,
        draw_partner: DrawPartner,
        second: SecondImage | None = None,
    ) -> Sample:
        """Return the augmented sample.

        Args:
            sample: image of any size; it is not written to.
            rng: the same generator state gives the same result.
            size: network size (h, w).
            mode: resize mode, by which pixels are read.
            draw_partner: returns another sample, for mosaics and blends.
            second: is filled with the same crop under the same draws, read from the same photographs at its own size
                and mode. The sample is the same with and without it.

        Returns:
            A sample whose image is (h, w, 3), its boxes clipped to the image.
        """
        image = np.empty((*size, 3), np.uint8)
        parts: list[tuple[View, Window]] = []
        mosaic = next((each for each in self._mosaics if rng.random() < each.prob), None)
        if mosaic is not None:
            for part in mosaic.parts(size, rng):
                view = mosaic.look(self._look(draw_partner(rng) if parts else sample, rng), part)
                view.read_into(image[part.rows, part.columns], mode)
                parts.append((view, part.place))
        else:
            view = self._look(sample, rng)
            view.read_into(image, mode)
            parts.append((view, WHOLE))
        if second is not None:
            for view, place in parts:
                view.read_into(place_in(second.image, place), second.mode)
        seen = Sample(image, objects=objects_in(parts), name=sample.name)
        seen = self._finish(seen, rng, mode, self._stages[0].later, draw_partner, second)
        for stage in self._stages[1:]:
            whole = View.of(seen)
            view = stage.look(whole, rng)
            if view is not whole:
                if second is not None:
                    look_again(second, view)
                seen = view.render(size, mode)
            seen = self._finish(seen, rng, mode, stage.later, draw_partner, second)
        return seen

    def _finish(
        self,
        seen: Sample,
        rng: np.random.Generator,
        mode: str,
        operations: Sequence[Any],
        draw_partner: DrawPartner,
        second: SecondImage | None,
    ) -> Sample:
        """Run operations that are not geometric on a sample at network size."""
        for operation in operations:
            if isinstance(operation, SAMPLES):
                changed = operation(seen, rng)
                if second is not None:
                    repaint(second.image, seen.image, changed.image)
                seen = changed
            elif isinstance(operation, MIXING):
                seen = operation(seen, rng, lambda: self._look(draw_partner(rng), rng), mode, second)
            else:
                if second is not None:
                    # A copy of the generator gives both the same draws, however many the operation takes per pixel.
                    second.image[:] = operation(second.image, copy.deepcopy(rng))
                seen = seen.with_image(operation(seen.image, rng))
        return seen

    def _look(self, sample: Sample, rng: np.random.Generator) -> View:
        return self._stages[0].look(View.of(sample), rng)

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(type(operation).__name__ for operation in self.operations)})"

    def to_plain(self) -> list[dict[str, Any]]:
        """Return operations and options in their order as plain values, for logs; :meth:`load` reads them again."""
        return [{type(operation).__name__: to_plain(operation)} for operation in self.operations]
