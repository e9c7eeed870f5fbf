"""Operations that join several samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.augment.cover import Cover
from uhd.augment.second import place_in
from uhd.augment.view import View
from uhd.augment.visible import WHOLE, Window, carry, objects_in, visible
from uhd.config import knob
from uhd.objects import Objects, Outline
from uhd.outlines import fill_outline
from uhd.sample import Sample, SecondImage

Look = Callable[[], View]


@dataclass(frozen=True)
class Part:
    """A part of a mosaic.

    Attributes:
        rows, columns: of the output.
        place: the same as left, top, right, bottom, 0 to 1.
        shown: which part of the sample is shown there, 0 to 1.
    """

    rows: slice
    columns: slice
    place: Window
    shown: Window


@dataclass(frozen=True)
class Mosaic:
    """Four samples in the four quarters (YOLOv4, Bochkovskiy et al. 2020).

    Every geometric operation of the pipeline acts on each of the four, which are then read straight into their quarter:
    every pixel is sampled once, every box is clipped to its own quarter.
    """

    prob: float = knob(1.0, "of joining four", minimum=0, maximum=1)
    centre: tuple[float, float] = knob((0.5, 0.5), "where the four meet, per axis: a range", minimum=0, maximum=1)
    min_visibility: float = knob(
        0.3, "boxes of which a part off the middle shows less are ignored", minimum=0, maximum=1
    )

    def parts(self, size: tuple[int, int], rng: np.random.Generator) -> list[Part]:
        """Return the four parts of an (h, w) image.

        They meet in the middle unless ``centre`` is a range. Off the middle each part shows as much of its sample as
        keeps the aspect: the whole of it along the longer axis, along the other what lies next to the others.

        An image of one row or column has two parts of it that are empty; they are left out.
        """
        h, w = size
        y, x = h // 2, w // 2
        if self.centre != (0.5, 0.5):
            x, y = (int(rng.uniform(*self.centre) * side) for side in (w, h))
        found = []
        for top, bottom in ((0, y), (y, h)):
            for left, right in ((0, x), (x, w)):
                if bottom <= top or right <= left:
                    continue
                wide, high = (right - left) / w, (bottom - top) / h
                shown = (0.0, 0.0, 1.0, 1.0)
                if self.centre != (0.5, 0.5):
                    across, down = wide / max(wide, high), high / max(wide, high)
                    shown = (1 - across if left == 0 else 0.0, 1 - down if top == 0 else 0.0,
                             1.0 if left == 0 else across, 1.0 if top == 0 else down)  # fmt: skip
                place = (left / w, top / h, right / w, bottom / h)
                found.append(Part(slice(top, bottom), slice(left, right), place, shown))
        return found

    def look(self, view: View, part: Part) -> View:
        """Return what a part shows of a view."""
        return view if part.shown == WHOLE else view.crop(part.shown, self.min_visibility)


@dataclass(frozen=True)
class MixUp:
    """Blend two samples and keep the boxes of both (Zhang et al. 2018, https://arxiv.org/abs/1710.09412).

    Half and half, or by a share drawn from Beta(alpha, alpha); then every box teaches as much as is seen of its sample.
    """

    prob: float = knob(1.0, "of blending", minimum=0, maximum=1)
    alpha: float = knob(0.0, "of the distribution of the share; 0: half and half, boxes at full weight", minimum=0)

    def __call__(
        self, sample: Sample, rng: np.random.Generator, partner: Look, mode: str, second: SecondImage | None = None
    ) -> Sample:
        """Return the blend of a sample at network size with a partner; its second image is blended in place."""
        if rng.random() >= self.prob:
            return sample
        view = partner()
        ours, theirs, share = sample.objects, objects_in([(view, WHOLE)]), 0.5
        if self.alpha > 0:
            share = float(rng.beta(self.alpha, self.alpha))
            ours, theirs = ours.weighing(share), theirs.weighing(1 - share)
        objects = Objects.concat([ours, theirs])
        h, w = sample.image.shape[:2]
        other = view.read((h, w), mode)
        image = np.asarray(cv2.addWeighted(sample.image, share, other, 1 - share, 0), np.uint8)
        if second is not None:
            height, width = second.image.shape[:2]
            other = view.read((height, width), second.mode)
            second.image[:] = cv2.addWeighted(second.image, share, other, 1 - share, 0)
        return Sample(image, objects=objects, name=sample.name)


@dataclass(frozen=True)
class CopyPaste:
    """Cut labelled objects out of other samples and paste them at random places (Ghiasi et al. 2021).

    Each patch is read once from its source at the size it will have: the whole box, or what lies inside the outline,
    where one is known. A box of which a pasted patch leaves less than ``min_visibility`` becomes an ignore region; by
    patches with an outline it is hidden pixel by pixel, and what several of them hide adds up.
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
        covered = Cover((h, w), objects)
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
                hidden = covered.hide(objects, patch, outline) > 1 - self.min_visibility
                if second is not None:
                    _paste(cut, place_in(second.image, place), second.mode, outline, place)
                covered.add(objects.count, hidden, pasted.count)
                objects = Objects.concat([objects.ignoring(hidden), pasted])
        return Sample(image, objects=objects, name=sample.name)


def _paste(cut: View, out: NDArray[np.uint8], mode: str, outline: Outline, place: Window) -> None:
    """Read a view into a patch (h, w, 3) at a place of the output; where an outline is known, only what is inside."""
    if not outline:
        cut.read_into(out, mode)
        return
    size = (out.shape[0], out.shape[1])
    np.copyto(out, cut.read(size, mode), where=fill_outline(outline, size, place)[..., None])
