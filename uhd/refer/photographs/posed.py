"""Photographs with boxes as RefHuman files: poses by a teacher, texts derived from boxes, poses and pixels.

Nothing of it is true beyond what the boxes and the teacher say: the files call poses pseudo-labels and texts synthetic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from uhd.data.config import DataConfig
from uhd.data.open import open_data
from uhd.data.place_image import place_image
from uhd.data.problems import BAD_IMAGE, Report
from uhd.data.records import Record
from uhd.errors import UserError
from uhd.objects import Objects
from uhd.read import UnreadableImage, read_image
from uhd.refer.made_with import check_same
from uhd.refer.photographs.described import described
from uhd.refer.photographs.part import DescribedPart, PhotographCounts
from uhd.refer.photographs.pose_rules import PoseRules
from uhd.runtime.foreign import ForeignPoses, open_poses
from uhd.runtime.foreign.kept_answers import KeptAnswers

ABOUT = "photographs; boxes are those of their labels, poses are pseudo-labels by {}; all texts are synthetic, derived"
ABOUT += " from boxes, poses and pixels"
_BEYOND = 0.1  # of a box's longer side: a keypoint farther outside is somebody else's


class PoseTeacher:
    """A model of poses that is asked once about each photograph and its boxes.

    Args:
        path: a file that :func:`~uhd.runtime.foreign.open_poses` knows.
        cache: folder of its answers; a killed run loses at most the line it was writing.

    Attributes:
        name: of the model, with its licence.
        asked: how many photographs it looked at itself.
    """

    def __init__(self, path: Path, cache: Path) -> None:
        self._poses: ForeignPoses = open_poses(path)
        self.name, self.asked = self._poses.name, 0
        self._kept = KeptAnswers(cache, path, (17, 3))

    def close(self) -> None:
        """Close the file of answers."""
        self._kept.close()

    def poses(
        self, content: str, boxes: NDArray[np.float32], image: Callable[[], NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        """Return (N, 17, 3) keypoints, normalised, with scores.

        Args:
            content: digest of the photograph's file.
            boxes: (N, 4) ``xyxy`` normalised.
            image: reads its RGB pixels; called only when the answer is not known.
        """
        asked = f"{content}:{hashlib.sha256(boxes.round(5).tobytes()).hexdigest()[:12]}"
        if asked not in self._kept:
            self._kept.add(asked, self._poses(image(), boxes))
            self.asked += 1
        return self._kept[asked]


def posed(people: Objects, poses: NDArray[np.float32], size: tuple[int, int], rules: PoseRules) -> Objects:
    """Return people with the keypoints that are believed; all others are not known (visibility 0).

    Args:
        people: with boxes, normalised; regions to ignore come last and have no pose.
        poses: (count, 17, 3) normalised, with scores.
        size: (H, W) of the photograph in pixels.
        rules: what is believed.
    """
    extent = np.array([size[1], size[0]], np.float32)
    boxes = people.boxes[: people.count] * np.tile(extent, 2)
    sides = boxes[:, 2:] - boxes[:, :2]
    place, slack = poses[..., :2] * extent, _BEYOND * sides.max(1, initial=0)[:, None, None]
    low, high = np.maximum(boxes[:, None, :2] - slack, 0), np.minimum(boxes[:, None, 2:] + slack, extent)
    known = (poses[..., 2] >= rules.pose_score) & ((place >= low) & (place <= high)).all(2)
    known &= (sides[:, 1] >= rules.pose_height)[:, None]
    keypoints = np.zeros((len(people), *poses.shape[1:]), np.float32)
    keypoints[: people.count][known] = np.concatenate([poses[known][:, :2], np.full((known.sum(), 1), 2)], 1)
    return replace(people, keypoints=keypoints)


def write_posed(
    source: Path, folder: Path, model: Path, rules: PoseRules, least: int = 5, val_split: float = 0.2, seed: int = 0,
    report: Report | None = None,
) -> dict[str, PhotographCounts]:  # fmt: skip
    """Write ``folder/RefHuman_train.json`` and ``_val.json`` with copies of the photographs in ``folder/images``.

    Whoever has ``least`` keypoints is described, as far as a text means that person alone. Nobody has a mask. A second
    run, also after a kill, asks the teacher about no photograph again and writes the same.

    Args:
        source: folder of photographs with box labels, in any form that the detector trains on; never written to.
        folder: is created.
        model: teacher of poses.
        rules: which of its answers are believed.
        least: keypoints of who is described.
        val_split: share of the photographs to validate on, where ``source`` has no such part.
        seed: of that split.
        report: receives what cannot be read.

    Raises:
        UserError: nobody there, ``folder`` holds another data set or lies in ``source`` or around it.
    """
    if folder.resolve().is_relative_to(source.resolve()) or source.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{folder}: lies in {source}, which is never written to, or around it: choose another folder")
    report = Report() if report is None else report
    made = {"source": source.name, "poses": model.name, **vars(rules), "least_keypoints": least,
            "val_split": val_split, "seed": seed, "synthetic": True}  # fmt: skip
    for part in ("train", "val"):
        check_same(folder / f"RefHuman_{part}.json", made)
    config = DataConfig(image_dir=source, train_split=1 - val_split, val_split=val_split)
    opened = open_data(config, seed, report=report)
    if not any(record.objects.count for record in opened.train + opened.val):
        raise UserError(f"{source}: nobody has a box there; uhd data label {source} makes boxes")
    teacher = PoseTeacher(model, folder / ".answers")
    told = {}
    try:
        for part, records, first in (("train", opened.train, 1), ("val", opened.val, 1_000_000)):
            written = DescribedPart(lambda people, who: _known(people, who) >= least)
            for record in tqdm([r for r in records if r.objects.count], unit="image", disable=None):
                _add(written, record, source, folder / "images", teacher, rules, report)
            info = {"description": ABOUT.format(teacher.name), "made_with": made}
            written.write(folder / f"RefHuman_{part}.json", first, info)
            told[part] = written.counts
    finally:
        teacher.close()
    return told


def _add(
    part: DescribedPart, record: Record, source: Path, images: Path, teacher: PoseTeacher, rules: PoseRules,
    report: Report,
) -> None:  # fmt: skip
    try:
        image, content = read_image(record.image), hashlib.sha256(record.image.read_bytes()).hexdigest()
    except (OSError, UnreadableImage) as error:
        report.problem(BAD_IMAGE, str(error))
        return
    size = (image.shape[0], image.shape[1])
    poses = teacher.poses(content, record.boxes, lambda: image)
    people = described(image, posed(record.objects, poses, size, rules))
    inside = record.image.is_relative_to(source)
    name = record.image.relative_to(source).as_posix() if inside else record.image.name
    place_image(record.image, images / name, copy=True)
    part.add(name, replace(record, objects=people, size=size, marks=()))


def _known(people: Objects, who: int) -> int:
    return 0 if people.keypoints is None else int((people.keypoints[who, :, 2] > 0).sum())
