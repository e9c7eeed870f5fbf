"""Persons cut out of photographs by their masks and put into others (copy-paste, Ghiasi et al. 2021).

What is known of everybody in the new picture is again what is seen: whoever stands behind loses what is covered, in
mask, box and keypoints, and all texts are derived anew. https://arxiv.org/abs/2012.07177
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.data.formats.run_length import outline_of_bitmap
from uhd.data.records import Record
from uhd.objects import Objects
from uhd.outlines import fill_outline
from uhd.read import read_image
from uhd.refer.photographs.described import described, is_whole

Image = NDArray[np.uint8]
_TRIES = 20  # of one picture, before it is given up
_MOST = 2  # persons pasted into one
_TALL = (0.35, 0.9)  # heights of the pasted, in heights of the photograph
_WIDEST, _LARGER = 0.8, 1.5  # in widths of the photograph; in heights that the person had before
_LEAST_LEFT = 0.4  # of the mask of whoever is covered in part


@dataclass(frozen=True, eq=False)
class Cutout:
    """One person without background.

    Attributes:
        pixels: (h, w, 3) uint8 RGB.
        mask: (h, w) bool, the person's.
        keypoints: (17, 3) float32 in pixels of the cutout, with visibility.
        stands_on_edge: whether the person was cut by the lower edge of the photograph.
    """

    pixels: Image
    mask: NDArray[np.bool_]
    keypoints: NDArray[np.float32]
    stands_on_edge: bool = False

    def resized(self, height: int) -> Cutout:
        """Return the person at another height in pixels."""
        h, w = self.mask.shape
        scale = height / h
        width = max(1, round(w * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        pixels = cv2.resize(self.pixels, (width, height), interpolation=method)
        mask = cv2.resize(self.mask.astype(np.float32), (width, height), interpolation=method) >= 0.5
        grown = np.array([width / w, height / h, 1], np.float32)
        return Cutout(np.asarray(pixels, np.uint8), np.asarray(mask), self.keypoints * grown, self.stands_on_edge)


def cut_out(image: Image, people: Objects, who: int) -> Cutout:
    """Return a person with mask and keypoints of an RGB photograph (H, W, 3)."""
    assert people.masks is not None
    assert people.keypoints is not None
    height, width = image.shape[:2]
    mask = fill_outline(people.masks[who], (height, width))
    left, top, right, bottom = _bounds(mask)
    shift = np.array([left, top, 0], np.float32)
    points = people.keypoints[who] * np.array([width, height, 1], np.float32) - shift
    inside = np.s_[top:bottom, left:right]
    return Cutout(image[inside], mask[inside], points.astype(np.float32), bottom == height)


def paste(image: Image, people: Objects, cutout: Cutout, left: int, top: int) -> tuple[Image, Objects] | None:
    """Return a photograph with one person more, who stands in front and comes last among its people.

    Args:
        image: (H, W, 3) RGB; it is not written to.
        people: everybody there, normalised.
        cutout: the person; must lie inside the picture.
        left, top: of the cutout, in pixels.

    Returns:
        Picture and people; None where somebody without a mask would be covered, of whom nobody could say what is still
        seen, or where too little of somebody would be left.
    """
    height, width = image.shape[:2]
    h, w = cutout.mask.shape
    painted = np.zeros((height, width), bool)
    painted[top : top + h, left : left + w] = cutout.mask
    behind = _behind(people, painted)
    if behind is None:
        return None
    result = image.copy()
    result[top : top + h, left : left + w][cutout.mask] = cutout.pixels[cutout.mask]
    points = cutout.keypoints + np.array([left, top, 0], np.float32)
    points[(points[:, 2] == 0) | (points[:, :2] < 0).any(1) | (points[:, :2] > (width, height)).any(1)] = 0
    pasted = Objects(
        _normalised(painted)[None], np.zeros(1, np.int64), np.zeros(1, bool),
        (points / np.array([width, height, 1], np.float32))[None].astype(np.float32), (outline_of_bitmap(painted),),
    )  # fmt: skip
    return result, Objects.concat([behind, pasted])


def _behind(people: Objects, painted: NDArray[np.bool_]) -> Objects | None:
    """Return people as they are seen behind painted pixels (H, W); see :func:`paste`."""
    boxes = people.boxes.copy()
    keypoints = None if people.keypoints is None else people.keypoints.copy()
    masks = list(people.masks or ((),) * len(people))
    height, width = painted.shape
    extent = np.array([width, height], np.float32)
    for i, box in enumerate(people.boxes):
        left, top, right, bottom = (box * np.tile(extent, 2)).tolist()
        area = np.s_[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
        if not masks[i]:
            if painted[area].any():
                return None
        else:
            before = fill_outline(masks[i], (height, width))
            after = before & ~painted
            if after.sum() < max(1, _LEAST_LEFT * before.sum()):
                return None
            if (before & painted).any():
                masks[i], boxes[i] = outline_of_bitmap(after), _normalised(after)
        if keypoints is not None:
            at = (keypoints[i, :, :2] * extent).astype(int).clip(0, (width - 1, height - 1))
            keypoints[i, painted[at[:, 1], at[:, 0]] & (keypoints[i, :, 2] == 2), 2] = 1
    return replace(people, boxes=boxes, keypoints=keypoints, masks=tuple(masks), texts=None)


def pasted_photograph(
    records: Sequence[Record], number: int, seed: int = 0, least: int = 5
) -> tuple[Image, Objects] | None:
    """Return a photograph of ``records`` with one person or two of others in it, everybody described anew.

    Whoever was pasted has a text that means nobody else there; where twenty draws do not bring that about, there is no
    such picture.

    Args:
        records: photographs to paste into and to cut from.
        number, seed: of the random stream; the same give the same picture.
        least: keypoints of who is cut out.

    Returns:
        An RGB picture (H, W, 3) and its people with their texts, the pasted ones last; None where there is none.
    """
    rng = np.random.default_rng([seed, number])
    # Nothing is said beside a crowd.
    places = [record for record in records if len(record.objects) == record.objects.count]
    donors = [(record, who) for record in records for who in range(len(record.boxes))
              if is_whole(record.objects, who, least)]  # fmt: skip
    if not places or not donors:
        return None
    for _ in range(_TRIES):
        record, count = places[int(rng.integers(len(places)))], int(rng.integers(1, _MOST + 1))
        made: tuple[Image, Objects] | None = (read_image(record.image), record.objects)
        for k in rng.permutation(len(donors))[:count]:
            donor, who = donors[int(k)]
            made = None if made is None or donor.image == record.image else _placed(*made, donor, who, rng)
        if made is None:
            continue
        people = described(*made)
        if people.texts is not None and all(people.texts[-min(count, len(donors)) :]):
            return made[0], people
    return None


def _placed(
    image: Image, people: Objects, donor: Record, who: int, rng: np.random.Generator
) -> tuple[Image, Objects] | None:
    """Return a photograph with a person of another at a random place and size."""
    height, width = image.shape[:2]
    cutout = cut_out(read_image(donor.image), donor.objects, who)
    h, w = cutout.mask.shape
    tall = min(rng.uniform(*_TALL) * height, _LARGER * h, _WIDEST * width * h / w)
    cutout = cutout.resized(max(1, round(tall)))
    if not cutout.mask.any():
        return None
    h, w = cutout.mask.shape
    left, top = rng.integers(0, (width - w + 1, height - h + 1)).tolist()
    return paste(image, people, cutout, left, height - h if cutout.stands_on_edge else top)


def _bounds(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the set pixels of a mask (H, W)."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _normalised(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    height, width = mask.shape
    extent = np.array([width, height, width, height], np.float32)
    return np.asarray(np.array(_bounds(mask), np.float32) / extent, np.float32)
