"""How good the labels of ``uhd data label`` are: against real ones that the teachers do not see.

    python benchmarks/labelling.py --data PEOPLE --teacher MODEL [--teacher MODEL] [--count 500] [--high 0.5]

Takes the first ``count`` photographs of ``train/`` (in a random order, seed 0), lets the teachers label them, and
matches what they wrote (IoU 0.5) with the labels of the data set, whose ignore regions count neither way.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from environment import environment

from uhd.boxes import area_xyxy, intersection_matrix, iou_matrix
from uhd.data.config import DataConfig
from uhd.data.open import open_data
from uhd.labelling.config import LabelRules
from uhd.labelling.pseudo_labels import pseudo_labels
from uhd.labelling.teachers import Teacher
from uhd.read import read_image


def main() -> None:
    """Label, match, print one row per threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, action="append", required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--high", type=float, nargs="+", default=[0.3, 0.4, 0.5, 0.6])
    parser.add_argument("--answers", type=Path, default=Path(tempfile.gettempdir()) / "uhd-answers")
    options = parser.parse_args()
    print(environment(1))
    records = open_data(DataConfig(image_dir=options.data)).train
    chosen = [records[i] for i in np.random.default_rng(0).permutation(len(records))[: options.count]]
    answers = []
    for path in options.teacher:
        with Teacher(path, options.answers) as teacher:
            print(f"teacher {teacher.name}")
            answers.append([teacher.answers(str(r.image), lambda r=r: read_image(r.image))[0] for r in chosen])
    people = sum(len(record.boxes) for record in chosen)
    print(f"{len(chosen)} photographs of {options.data}/train, {people} people\n")
    print("| labels from a score of | labels | precision | recall |\n|--:|--:|--:|--:|")
    for high in options.high:
        rules = replace(LabelRules(), high=high, low=min(high, LabelRules().low))
        written = right = found = 0
        for i, record in enumerate(chosen):
            boxes = pseudo_labels([each[i] for each in answers], rules).boxes
            pairs = iou_matrix(boxes, record.boxes) >= 0.5
            hit = pairs.any(1)
            if len(record.ignore):
                share = intersection_matrix(boxes, record.ignore) / np.maximum(area_xyxy(boxes)[:, None], 1e-12)
                boxes, hit = boxes[hit | (share.max(1) < 0.5)], hit[hit | (share.max(1) < 0.5)]
            written, right, found = written + len(boxes), right + int(hit.sum()), found + int(pairs.any(0).sum())
        print(f"| {high} | {written} | {right / max(1, written):.3f} | {found / max(1, people):.3f} |")


if __name__ == "__main__":
    main()
