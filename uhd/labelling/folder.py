"""Label a folder of photographs: the photographs are linked, never written to, and lie with their labels elsewhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import xyxy_to_cxcywh
from uhd.data.discover import find_images, label_path
from uhd.data.formats.yolo import ClassMap, read_labels
from uhd.data.ignore import FILE_NAME, IgnoreRegions
from uhd.data.place_image import place_image
from uhd.data.problems import BAD_IMAGE, Report
from uhd.errors import UserError
from uhd.files import save_text
from uhd.json_text import json_text
from uhd.labelling.config import LabelRules
from uhd.labelling.pseudo_labels import PseudoLabels, pseudo_labels
from uhd.labelling.teachers import Teacher
from uhd.progress import watched
from uhd.read import UnreadableImage, read_image, why_unreadable

ANSWERS, RECORD = ".answers", "labels.json"

Boxes = NDArray[np.float32]


@dataclass
class Labelled:
    """What a run of :func:`label_folder` did.

    Attributes:
        photographs: how many were labelled.
        kept, added, ignored: labels that were there, labels by the teachers, ignore regions by the teachers.
        added_to: photograph (relative) -> new boxes (N, 4) ``xyxy`` normalised, their scores (N,) and classes (N,).
        report: photographs and labels that could not be read.
    """

    photographs: int = 0
    kept: int = 0
    added: int = 0
    ignored: int = 0
    added_to: dict[str, tuple[Boxes, Boxes, NDArray[np.int64]]] = field(default_factory=dict)
    report: Report = field(default_factory=Report)


def label_folder(
    source: Path,
    output: Path,
    teachers: Sequence[Teacher],
    rules: LabelRules,
    copy: bool = False,
    progress: bool = True,
) -> Labelled:
    """Write ``output/images`` (links to the photographs), ``output/labels``, ignore regions and ``labels.json``.

    With ``rules.every_class`` also ``output/classes.txt``, the names by number. A second run looks at no photograph
    again and writes the same files.

    Args:
        source: folder of photographs, with labels beside them or in ``labels/`` where ``rules.complete``.
        output: folder of the new data set.
        teachers: at least one, open.
        rules: thresholds.
        copy: copy the photographs instead of linking them.
        progress: tell on standard error how far it is.

    Raises:
        UserError: no photographs, ``output`` lies in the folder of the photographs or the other way round, the
            teachers know other classes, or no photograph can be read.
    """
    if output.resolve().is_relative_to(source.resolve()) or source.resolve().is_relative_to(output.resolve()):
        raise UserError(f"--output {output}: lies in {source}, which is never written to, or around it: choose another")
    names = _names(teachers)
    done = Labelled()
    regions = IgnoreRegions(done.report)
    uncertain: dict[Path, dict[str, list[list[float]]]] = {}
    photographs = find_images(source, done.report)
    for path in watched(photographs, "image") if progress else photographs:
        place = path.relative_to(source)
        known, ignored = _known_labels(path, regions, done.report) if rules.complete else (None, None)
        try:
            found, classes = _look(path, teachers, rules, known, ignored)
        except UnreadableImage as error:
            done.report.problem(BAD_IMAGE, str(error))
            continue
        place_image(path, output / "images" / place, copy)
        boxes = found.boxes if known is None else np.concatenate([known, found.boxes])
        people = np.zeros(len(boxes) - len(found.boxes), np.int64)
        _write_labels(output / "labels" / place.with_suffix(".txt"), boxes, np.concatenate([people, classes]))
        unsure = found.ignore if ignored is None else np.concatenate([ignored, found.ignore])
        if len(unsure):
            uncertain.setdefault(output / "images" / place.parent, {})[place.stem] = _rounded(unsure)
        done.photographs += 1
        done.kept += 0 if known is None else len(known)
        done.added += len(found.boxes)
        done.ignored += len(found.ignore)
        if len(found.boxes):
            done.added_to[str(place)] = (found.boxes, found.scores, classes)
    _check_some(done, photographs)
    for folder, table in uncertain.items():
        save_text(folder / FILE_NAME, json.dumps(table))
    if rules.every_class:
        save_text(output / "classes.txt", "".join(f"{name}\n" for name in names))
    save_text(output / RECORD, json_text(_record(done, teachers, rules)))
    return done


def _check_some(done: Labelled, photographs: Sequence[Path]) -> None:
    if not done.photographs:
        reason = why_unreadable(photographs[0])
        raise UserError(f"none of the {len(photographs)} photographs can be read: {reason}")


def check_own(output: Path) -> None:
    """Refuse a folder whose files are of another origin: their labels would be replaced.

    Raises:
        UserError: it holds files, and no trace of an earlier run.
    """
    if (output / RECORD).is_file() or (output / ANSWERS).is_dir() or not output.is_dir():
        return
    if any(output.iterdir()):
        raise UserError(f"--output {output}: holds files of another origin, which stay as they are: choose another")


def _names(teachers: Sequence[Teacher]) -> tuple[str, ...]:
    """Return the classes that all of them know."""
    names = teachers[0].class_names
    if any(teacher.class_names != names for teacher in teachers):
        raise UserError(f"--every-class: {', '.join(t.name for t in teachers)} do not know the same classes: give one")
    return names


def _look(
    path: Path, teachers: Sequence[Teacher], rules: LabelRules, known: Boxes | None, ignored: Boxes | None
) -> tuple[PseudoLabels, NDArray[np.int64]]:
    """Return the labels of all classes, people first, and the class of each; who is known already is a person."""
    try:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UnreadableImage(f"{path}: {error.strerror}") from None
    answers = [teacher.answers(content, lambda: read_image(path)) for teacher in teachers]
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    classes = sorted({label for each in answers for label in each})
    found = [
        pseudo_labels([each.get(label, nothing) for each in answers], rules, None if label else known, ignored)
        for label in classes
    ]
    together = PseudoLabels(
        np.concatenate([each.boxes for each in found]),
        np.concatenate([each.scores for each in found]),
        np.concatenate([each.ignore for each in found]),
    )
    return together, np.repeat(np.array(classes, np.int64), [len(each.boxes) for each in found])


def _known_labels(path: Path, regions: IgnoreRegions, report: Report) -> tuple[Boxes, Boxes]:
    try:
        boxes, _ = read_labels(label_path(path), ClassMap.of((0,)), report)
    except FileNotFoundError:
        boxes = np.zeros((0, 4), np.float32)
    return boxes, regions.of(path)


def _write_labels(path: Path, boxes: Boxes, classes: NDArray[np.int64]) -> None:
    rows = zip(classes.tolist(), _rounded(boxes), strict=True)
    save_text(path, "".join(f"{label} " + " ".join(f"{v:.6f}" for v in row) + "\n" for label, row in rows))


def _rounded(boxes: Boxes) -> list[list[float]]:
    return [[round(float(value), 6) for value in row] for row in xyxy_to_cxcywh(boxes.astype(np.float64))]


def _record(done: Labelled, teachers: Sequence[Teacher], rules: LabelRules) -> dict[str, object]:
    return {
        "teachers": [teacher.name for teacher in teachers],
        "rules": {name: getattr(rules, name) for name in rules.__dataclass_fields__},
        "photographs": done.photographs,
        "labels kept": done.kept,
        "labels added": done.added,
        "ignore regions added": done.ignored,
        "added": {
            name: [
                {"xyxy": [round(float(v), 5) for v in box], "score": round(float(score), 4)}
                | ({"class": int(label)} if rules.every_class else {})
                for box, score, label in zip(boxes, scores, classes, strict=True)
            ]
            for name, (boxes, scores, classes) in done.added_to.items()
        },
    }
