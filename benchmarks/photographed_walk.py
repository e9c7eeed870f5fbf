"""A video of photographed people with known numbers: cut out by their masks, they walk before a photographed place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.data.problems import Report
from uhd.detections import Detections
from uhd.read import read_image
from uhd.refer.photographs.dataset import read_photographs
from uhd.refer.photographs.paste import Cutout, cut_out

Image = NDArray[np.uint8]
# Whoever is cut out is tall, so that nobody is blown up to a blur, and stands: narrow, with most keypoints known.
_TALL, _WIDEST, _LEAST_KEYPOINTS = 96, 0.7, 13
_LEAST_SEEN = 0.25  # of a person's pixels; who shows less is not there in the truth


@dataclass(frozen=True, eq=False)
class Studio:
    """People and places to film.

    Attributes:
        cutouts: people without background.
        places: photographs without people, of the frame's size.
    """

    cutouts: Sequence[Cutout]
    places: Sequence[Image]

    @classmethod
    def open(cls, keypoints: Path, people: Path, size: tuple[int, int]) -> Studio:
        """Cut everybody who stands there out of a COCO file's photographs; read the validation photographs of nobody.

        Args:
            keypoints: COCO's annotations with keypoints and masks.
            people: a data set with ``val/``.
            size: of the frame (h, w).
        """
        cutouts = []
        for record in read_photographs(keypoints, Report()):
            image = read_image(record.image)
            outlines = record.objects.masks or ()
            cutouts += [cut_out(image, record.objects, who) for who, outline in enumerate(outlines) if outline]
        cutouts = [each for each in cutouts if _stands(each)]
        data = DataConfig(image_dir=people)
        opened = open_data(data)
        empty = [r for r in read_dataset(opened.val, data, opened.report, progress=False).records if not len(r.boxes)]
        return cls(cutouts, [_filling(read_image(record.image), size) for record in empty])

    def film(
        self, walked: Sequence[Detections], detect: Callable[[Image], Detections], seed: int
    ) -> tuple[list[Detections], list[Detections]]:
        """Return the truth and what a detector finds of a video, frame by frame.

        Args:
            walked: where people with numbers from 1 are, nearer ones lower; their boxes say height and place.
            detect: finds people in an RGB frame.
            seed: of who walks where.
        """
        rng = np.random.default_rng([seed, 1])
        place = self.places[int(rng.integers(len(self.places)))]
        count = len(walked[0])
        actors = [self.cutouts[i] for i in rng.choice(len(self.cutouts), count, replace=False)]
        first = walked[0]
        tall = dict(zip(_numbers(first).tolist(), (first.xyxy[:, 3] - first.xyxy[:, 1]).tolist(), strict=True))
        actors = [actor.resized(round(tall[i + 1])) for i, actor in enumerate(actors)]
        truth, seen = [], []
        for frame in walked:
            image, true = _frame(place, actors, frame)
            truth.append(true)
            seen.append(detect(image))
        return truth, seen


def _stands(cutout: Cutout) -> bool:
    height, width = cutout.mask.shape
    known = int((cutout.keypoints[:, 2] > 0).sum())
    return height >= _TALL and width <= _WIDEST * height and known >= _LEAST_KEYPOINTS


def _numbers(frame: Detections) -> NDArray[np.int64]:
    assert frame.track_ids is not None
    return frame.track_ids


def _frame(place: Image, actors: Sequence[Cutout], walked: Detections) -> tuple[Image, Detections]:
    """Return a picture and the boxes of whoever is seen in it, whole but for what the frame cuts off."""
    image, (height, width) = place.copy(), place.shape[:2]
    owner = np.zeros((height, width), np.int64)
    boxes: dict[int, tuple[int, int, int, int]] = {}
    for i in np.argsort(walked.xyxy[:, 3], kind="stable"):
        number = int(_numbers(walked)[i])
        actor = actors[number - 1]
        h, w = actor.mask.shape
        left = round(float(walked.xyxy[i, [0, 2]].mean()) - w / 2)
        top = round(float(walked.xyxy[i, 3])) - h
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, width), min(top + h, height)
        if x0 >= x1 or y0 >= y1:
            continue
        inside = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        mask = actor.mask[inside]
        image[y0:y1, x0:x1][mask] = actor.pixels[inside][mask]
        owner[y0:y1, x0:x1][mask] = number
        boxes[number] = (x0, y0, x1, y1)
    shown = np.bincount(owner.ravel(), minlength=len(actors) + 1)
    there = [n for n in boxes if shown[n] >= _LEAST_SEEN * actors[n - 1].mask.sum()]
    xyxy = np.array([boxes[n] for n in there], np.float32).reshape(-1, 4)
    none, size = np.zeros(len(there), np.int64), (height, width)
    return image, Detections(xyxy, np.ones(len(there), np.float32), none, size, track_ids=np.array(there, np.int64))


def _filling(image: Image, size: tuple[int, int]) -> Image:
    """Return an image enlarged or reduced to fill a size (h, w), its middle."""
    height, width = size
    scale = max(height / image.shape[0], width / image.shape[1])
    grown = cv2.resize(image, (int(np.ceil(image.shape[1] * scale)), int(np.ceil(image.shape[0] * scale))))
    top, left = (grown.shape[0] - height) // 2, (grown.shape[1] - width) // 2
    return np.ascontiguousarray(grown[top : top + height, left : left + width]).astype(np.uint8)
