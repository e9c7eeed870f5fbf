"""Photographs with keypoints as RefHuman files, every text derived from the annotations and true of one person only."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from uhd.data.formats.coco import read_coco
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import Report
from uhd.data.records import Record
from uhd.data.split import split_records
from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.read import UnreadableImage, read_image
from uhd.refer.made_with import check_same
from uhd.refer.photographs.described import described, is_whole
from uhd.refer.photographs.part import DescribedPart, PhotographCounts
from uhd.refer.photographs.paste import pasted_photograph
from uhd.refer.png_file import write_png

ABOUT = "photographs; all texts are synthetic, derived from boxes, keypoints, masks and pixels"


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


def write_photographs(
    source: Path, folder: Path, least: int = 5, val_split: float = 0.2, seed: int = 0, pasted: int = 0,
    report: Report | None = None,
) -> dict[str, PhotographCounts]:  # fmt: skip
    """Write ``folder/RefHuman_train.json`` and ``_val.json`` with copies of the photographs in ``folder/images``.

    No photograph is in both parts. Whoever has a mask and ``least`` keypoints is described, as far as a text means
    that person alone; all others come along without one, for they are people too.

    Args:
        source: COCO's keypoint annotations.
        folder: is created.
        least: keypoints of who is described.
        val_split: share of the photographs to validate on.
        seed: of the split and of what is pasted.
        pasted: further pictures of the training part, with persons of other photographs of that part pasted in;
            fewer are written where nothing would mean these persons alone.
        report: receives photographs that cannot be read.

    Raises:
        UserError: nobody to describe, or ``folder`` holds another data set.
    """
    made = {"source": source.name, "least_keypoints": least, "val_split": val_split, "seed": seed, "synthetic": True}
    made |= {"pasted": pasted} if pasted else {}
    for part in ("train", "val"):
        check_same(folder / f"RefHuman_{part}.json", made)
    records = read_photographs(source, Report() if report is None else report)
    split = dict(zip(("train", "val"), split_records(records, 1 - val_split, val_split, seed), strict=True))
    (folder / "images").mkdir(parents=True, exist_ok=True)
    told = {}
    for part, chosen in split.items():
        written = DescribedPart(partial(is_whole, least=least))
        for record in chosen:
            written.add(copy_photograph(record.image, folder / "images"), record)
        for number in range(pasted if part == "train" else 0):
            _add_pasted(written, chosen, number, seed, least, folder / "images")
        info = {"description": ABOUT, "made_with": made}
        written.write(folder / f"RefHuman_{part}.json", 1 if part == "train" else 1_000_000, info)
        told[part] = written.counts
    if not any(counts.texts for counts in told.values()):
        raise UserError(f"{source}: nobody has a mask, {least} keypoints and something that is true of nobody else")
    return told


def copy_photograph(source: Path, images: Path) -> str:
    """Copy a photograph into a folder; returns its name there.

    Raises:
        UserError: another file lies there under its name.
    """
    target = images / source.name
    if target.exists() and not filecmp.cmp(source, target, shallow=False):
        raise UserError(f"{target}: is another photograph than {source}: give another folder")
    if not target.exists():
        save_atomic(target, lambda temporary: shutil.copyfile(source, temporary))
    return source.name


def _add_pasted(
    part: DescribedPart, records: Sequence[Record], number: int, seed: int, least: int, images: Path
) -> None:
    found = pasted_photograph(records, number, seed, least)
    if found is None:
        return
    image, people = found
    name = f"pasted_{number:06d}.png"
    write_png(images / name, image)
    part.add(name, Record(images / name, people, (image.shape[0], image.shape[1])))
    part.counts.pasted += 1
