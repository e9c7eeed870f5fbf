"""Photographs with keypoints as RefHuman files, every text derived from the annotations and true of one person only."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from uhd.data.formats.coco import read_coco
from uhd.data.formats.coco_writer import write_coco
from uhd.data.formats.rows import record_of, rows_of
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import Report
from uhd.data.records import Record
from uhd.data.split import split_records
from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.objects import Objects
from uhd.read import UnreadableImage, read_image
from uhd.refer.made_with import check_same
from uhd.refer.photographs.facts import photograph_facts
from uhd.refer.world.describe import unique_texts

ABOUT = "photographs; all texts are synthetic, derived from boxes, keypoints, masks and pixels"
_MOST_TEXTS = 4  # for each person


@dataclass
class PhotographCounts:
    """What was written: photographs, people in them, people who are described, texts."""

    pictures: int = 0
    people: int = 0
    described: int = 0
    texts: int = 0


def read_photographs(path: Path, report: Report) -> list[Record]:
    """Return the photographs of a COCO file with people, sorted by path, described.

    Args:
        path: COCO's keypoint annotations; images are looked for beside it and in ``images/``.
        report: receives what cannot be read.

    Raises:
        UserError: not a COCO file, or nobody in it has keypoints.
    """
    records = [record for record in read_coco(path, ClassMap.of((0,)), report)[0] if record.objects.count]
    if not any(record.objects.keypoints is not None for record in records):
        raise UserError(f"{path}: nobody in it has keypoints: give COCO's person_keypoints annotations")
    found = []
    for record in records:
        try:
            image = read_image(record.image)
        except UnreadableImage as error:
            report.problem("unreadable image", str(error))
            continue
        found.append(replace(record, objects=described(image, record.objects), size=image.shape[:2]))
    return found


def described(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], people: Objects) -> Objects:
    """Return the people of an RGB photograph (H, W, 3) with at most four texts each, the shortest."""
    facts = photograph_facts(image, people)
    texts = [
        tuple(text for text, said in unique_texts(people.count, who, facts) if said)[:_MOST_TEXTS]
        for who in range(people.count)
    ]
    return replace(people, texts=tuple(texts) + ((),) * (len(people) - people.count))


def is_whole(people: Objects, who: int, least: int) -> bool:
    """Return whether a person has a mask and at least so many keypoints: who has less is no good to measure by."""
    if people.masks is None or people.keypoints is None or who >= people.count:
        return False
    return bool(people.masks[who]) and int((people.keypoints[who, :, 2] > 0).sum()) >= least


def write_photographs(
    source: Path, folder: Path, least: int = 5, val_split: float = 0.2, seed: int = 0
) -> dict[str, PhotographCounts]:
    """Write ``folder/RefHuman_train.json`` and ``_val.json`` with copies of the photographs in ``folder/images``.

    No photograph is in both parts. Whoever has a mask and ``least`` keypoints is described, as far as a text means
    that person alone; all others come along without one, for they are people too.

    Args:
        source: COCO's keypoint annotations.
        folder: is created.
        least: keypoints of who is described.
        val_split: share of the photographs to validate on.
        seed: of the split.

    Raises:
        UserError: nobody to describe, or ``folder`` holds another data set.
    """
    made = {"source": source.name, "least_keypoints": least, "val_split": val_split, "seed": seed, "synthetic": True}
    for part in ("train", "val"):
        check_same(folder / f"RefHuman_{part}.json", made)
    report = Report()
    records = read_photographs(source, report)
    train, val = split_records(records, 1 - val_split, val_split, seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    told = {}
    for part, chosen, first in (("train", train, 1), ("val", val, 1_000_000)):
        told[part] = _write_part(folder / f"RefHuman_{part}.json", chosen, least, first, made)
    if not any(counts.texts for counts in told.values()):
        raise UserError(f"{source}: nobody has a mask, {least} keypoints and something that is true of nobody else")
    return told


def _write_part(
    path: Path, records: Sequence[Record], least: int, first: int, made: dict[str, object]
) -> PhotographCounts:
    images: list[tuple[Path, Record]] = []
    captions: list[str] = []
    counts = PhotographCounts()
    silent: list[tuple[Path, Record]] = []
    for record in records:
        place = path.parent / "images" / record.image.name
        save_atomic(place, lambda temporary, source=record.image: shutil.copyfile(source, temporary))  # type: ignore[misc]
        rows, others = rows_of(record), []
        for who, row in enumerate(rows):
            texts = row.texts if is_whole(record.objects, who, least) else ()
            own = record_of(record.image, [replace(row, texts=())], record.size)
            images += [(Path(place.name), own)] * len(texts)
            captions += texts
            counts.described, counts.texts = counts.described + bool(texts), counts.texts + len(texts)
            if not texts:
                others.append(replace(row, texts=()))
        counts.pictures, counts.people = counts.pictures + 1, counts.people + record.objects.count
        if others:
            silent.append((Path(place.name), record_of(record.image, others, record.size)))
    captions += [""] * len(silent)
    info = {"description": ABOUT, "made_with": made}
    write_coco(path, images + silent, ("person",), first, captions, info)
    return counts
