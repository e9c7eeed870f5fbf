"""Operations that join several samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.augment.second import place_in
from uhd.augment.view import View
from uhd.augment.visible import WHOLE, Window, carry, objects_in, visible
from uhd.boxes import area_xyxy, intersection_matrix
from uhd.config import knob
from uhd.objects import Boxes, Objects, Outline
from uhd.outlines import fill_outline
from uhd.sample import Sample, SecondImage

Look = Callable[[], View]


@dataclass(frozen=True)
class Mosaic:
    """Four samples in the four quarters (YOLOv4, Bochkovskiy et al. 2020).

    Every geometric operation of the pipeline acts on each of the four, which are then read straight into their quarter:
    every pixel is sampled once, every box is clipped to its own quarter.
    """

    prob: float = knob(1.0, "of joining four", minimum=0, maximum=1)

    @staticmethod
    def quarters(size: tuple[int, int]) -> list[tuple[slice, slice, Window]]:
        """Return rows, columns and place (left, top, right, bottom, 0 to 1) of the four parts of an (h, w) image.

        An image of one row or column has two parts of it that are empty; they are left out.
        """
        h, w = size
        return [
            (slice(top, bottom), slice(left, right), (left / w, top / h, right / w, bottom / h))
            for top, bottom in ((0, h // 2), (h // 2, h))
            for left, right in ((0, w // 2), (w // 2, w))
            if bottom > top and right > left
        ]


@dataclass(frozen=True)
class MixUp:
    """Blend two samples half and half and keep the boxes of both (Zhang et al. 2018)."""

    prob: float = knob(1.0, "of blending", minimum=0, maximum=1)

    def __call__(
        self, sample: Sample, rng: np.random.Generator, partner: Look, mode: str, second: SecondImage | None = None
    ) -> Sample:
        """Return the blend of a sample at network size with a partner; its second image is blended in place."""
        if rng.random() >= self.prob:
            return sample
        view = partner()
        objects = Objects.concat([sample.objects, objects_in([(view, WHOLE)])])
        h, w = sample.image.shape[:2]
        image = np.asarray(cv2.addWeighted(sample.image, 0.5, view.read((h, w), mode), 0.5, 0), np.uint8)
        if second is not None:
            height, width = second.image.shape[:2]
            second.image[:] = cv2.addWeighted(second.image, 0.5, view.read((height, width), second.mode), 0.5, 0)
        return Sample(image, objects=objects, name=sample.name)


@dataclass(frozen=True)
class CopyPaste:
    """Cut labelled objects out of other samples and paste them at random places (Ghiasi et al. 2021).

    Each patch is read once from its source at the size it will have: the whole box, or what lies inside the outline,
    where one is known. A box of which a pasted patch leaves less than ``min_visibility`` becomes an ignore region.
    """

    prob: float = knob(0.3, "of pasting", minimum=0, maximum=1)
    sample_num: int = knob(1, "samples to cut from", minimum=1)
    max_objects: int = knob(5, "boxes taken from each", flag="max-paste-objects", minimum=1)
    scale: tuple[float, float] = knob((0.8, 1.2), "change of size", flag="scale-jitter", minimum=0,
                                      exclusive_minimum=True)  # fmt: skip
    min_visibility: float = knob(0.3, "boxes that a patch leaves less of are ignored", minimum=0, maximum=1)

    def __call__(
        self, sample: Sample, rng: np.random.Generator, partner: Look, mode: str, second: SecondImage | None = None
    ) -> Sample:
        """Return the sample at network size with patches on it, its second image with the same in the same places."""
        if rng.random() >= self.prob:
            return sample
        h, w = sample.image.shape[:2]
        image, objects = sample.image.copy(), sample.objects
        for _ in range(self.sample_num):
            source = partner()
            shown = visible([(source, WHOLE)])
            whole, rows = shown.boxes[~shown.ignored], shown.row
            for index in rng.permutation(len(whole))[: self.max_objects]:
                x0, y0, x1, y1 = whole[index].tolist()
                scale = rng.uniform(*self.scale)
                width, height = min(round((x1 - x0) * scale * w), w), min(round((y1 - y0) * scale * h), h)
                if width < 1 or height < 1:
                    continue
                left, top = rng.integers(0, (w - width + 1, h - height + 1)).tolist()
                cut = source.crop((x0, y0, x1, y1))
                place = (left / w, top / h, (left + width) / w, (top + height) / h)
                patch = np.array([place], np.float32)
                pasted = carry(cut, place, rows[index : index + 1], patch, np.zeros(1, bool))
                outline = pasted.masks[0] if pasted.masks else ()
                _paste(cut, image[top : top + height, left : left + width], mode, outline, place)
                if second is not None:
                    _paste(cut, place_in(second.image, place), second.mode, outline, place)
                hidden = _hidden(objects.boxes[: objects.count], patch) > 1 - self.min_visibility
                objects = Objects.concat([objects.ignoring(hidden), pasted])
        return Sample(image, objects=objects, name=sample.name)


def _paste(cut: View, out: NDArray[np.uint8], mode: str, outline: Outline, place: Window) -> None:
    """Read a view into a patch (h, w, 3) at a place of the output; where an outline is known, only what is inside."""
    if not outline:
        cut.read_into(out, mode)
        return
    size = (out.shape[0], out.shape[1])
    np.copyto(out, cut.read(size, mode), where=fill_outline(outline, size, place)[..., None])


def _hidden(boxes: Boxes, patch: Boxes) -> NDArray[np.float32]:
    """Return the share (N,) of each box that a patch (1, 4) covers."""
    return np.asarray(intersection_matrix(boxes, patch)[:, 0] / np.maximum(area_xyxy(boxes), 1e-12))
