"""How good the pseudo-poses of ``uhd refer data --photographs`` are: against people whose keypoints were annotated.

    python benchmarks/refer_poses.py --data KEYPOINTS.json --poses MODEL [--score 0.2 0.3 0.4] [--longest 160]

The persons measured are those with a mask and at least five keypoints, as in ``refer_photographs.py``; the teacher gets
their annotated boxes. ``--longest`` shrinks photographs to that side first, as those of small data sets are. OKS counts
all annotated keypoints, whatever the score; then, per least score: how many of the annotated keypoints are kept, and
how many of those kept lie within a tenth of the longer side of the box.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import cv2
import numpy as np
from environment import environment

from uhd.data.problems import Report
from uhd.evaluation.similarity import oks_matrix
from uhd.outlines import outline_area
from uhd.read import read_image
from uhd.refer.photographs.dataset import read_photographs
from uhd.refer.photographs.described import is_whole
from uhd.runtime.foreign import open_poses

LEAST = 5
HEIGHTS = (0, 48, 96, 192, 10_000)


def main() -> None:
    """Ask, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--poses", type=Path, required=True)
    parser.add_argument("--score", type=float, nargs="+", default=[0.1, 0.2, 0.3, 0.4, 0.5])
    parser.add_argument("--longest", type=int)
    options = parser.parse_args()
    print(environment(1))
    poses = open_poses(options.poses)
    similar, height, score, known, distance = [], [], [], [], []
    for record in read_photographs(options.data, Report()):
        people, image = record.objects, read_image(record.image)
        chosen = [who for who in range(people.count) if is_whole(people, who, LEAST)]
        if not chosen:
            continue
        assert people.keypoints is not None
        assert people.masks is not None
        scale = min(1.0, (options.longest or 10**6) / max(image.shape[:2]))
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        extent = np.array([image.shape[1], image.shape[0]], np.float32)
        found = poses(image, people.boxes[chosen])
        for who, pose in zip(chosen, found, strict=True):
            truth = people.keypoints[who] * np.append(extent, 1).astype(np.float32)
            place = pose[:, :2] * extent
            area = np.array([outline_area(people.masks[who]) * extent.prod()], np.float32)
            similar.append(oks_matrix(place[None], truth[None], area)[0, 0])
            sides = (people.boxes[who, 2:] - people.boxes[who, :2]) * extent
            height.append(sides[1])
            score.append(pose[:, 2])
            known.append(truth[:, 2] > 0)
            distance.append(np.linalg.norm(place - truth[:, :2], axis=1) / sides.max())
    report(np.array(similar), np.array(height), np.array(score), np.array(known), np.array(distance), options.score)


def report(
    similar: np.ndarray, height: np.ndarray, score: np.ndarray, known: np.ndarray, distance: np.ndarray,
    scores: list[float],
) -> None:  # fmt: skip
    """Print OKS by height in pixels, and what each least score keeps."""
    print(f"\n| persons | number | OKS | OKS above 0.5 |\n|---|--:|--:|--:|\n"
          f"| all | {len(similar)} | {similar.mean():.3f} | {(similar > 0.5).mean():.3f} |")  # fmt: skip
    for low, high in itertools.pairwise(HEIGHTS):
        own = similar[(height >= low) & (height < high)]
        if len(own):
            print(f"| {low} to {high} px tall | {len(own)} | {own.mean():.3f} | {(own > 0.5).mean():.3f} |")
    print(
        "\n| least score | annotated keypoints kept | of them right | kept that nobody annotated |\n|--:|--:|--:|--:|"
    )
    for least in scores:
        kept = score >= least
        right = distance[kept & known] < 0.1
        print(f"| {least} | {kept[known].mean():.3f} | {right.mean():.3f} | {kept[~known].mean():.3f} |")


if __name__ == "__main__":
    main()
