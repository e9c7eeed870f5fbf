"""The drawn world as a data set in RefHuman's format (HuMAR/UniPHD): COCO's JSON, one entry per picture and text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from uhd.files import save_atomic
from uhd.keypoints import KEYPOINT_NAMES, SKELETON
from uhd.refer.made_with import check_same
from uhd.refer.png_file import write_png
from uhd.refer.prompts import scribble_in
from uhd.refer.world.describe import Fact, descriptions, facts_of, held_out
from uhd.refer.world.scene import Person, Scene, draw_scene

# Of the random stream of each part: no picture of the one is in the other.
PARTS: Mapping[str, int] = {"train": 0, "val": 1}
_SCRIBBLES = 5
_TEXTS = 3  # for each person, where there are so many
_PAIR = ("the leftmost person", "the rightmost person")


@dataclass
class WorldCounts:
    """What was written: pictures, people in them, texts."""

    pictures: int = 0
    people: int = 0
    texts: int = 0


@dataclass
class _Table:
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)


def write_world(folder: Path, count: int, seed: int = 0, part: str = "train", size: int = 256) -> WorldCounts:
    """Draw ``count`` scenes and write ``folder/images/PART_000000.png`` and ``folder/RefHuman_PART.json``.

    The same arguments write the same bytes. In ``train`` no text joins a colour and a place that are held out
    (:func:`~uhd.refer.world.describe.held_out`); in ``val`` every text that joins the two is such a one, so that it
    shows whether words are understood or pairs were learnt, and the persons at both ends are also named by nothing but
    that: two texts that differ in one word and mean different people.

    Args:
        folder: is created; pictures of an earlier call with the same arguments are replaced by the same.
        count: number of scenes.
        seed: of everything.
        part: key of ``PARTS``.
        size: side of the square pictures in pixels.

    Raises:
        UserError: ``folder`` holds a world of other arguments.
    """
    target = folder / f"RefHuman_{part}.json"
    made = {"seed": seed, "part": part, "size": size, "count": count, "synthetic": True}
    check_same(target, made)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    table, counts = _Table(), WorldCounts()
    for i in tqdm(range(count), unit="scene", disable=None):
        rng = np.random.default_rng([seed, PARTS[part], i])
        scene = draw_scene(rng, (size, size))
        name = f"{part}_{i:06d}.png"
        write_png(folder / "images" / name, scene.image)
        counts.pictures += 1
        counts.people += len(scene.people)
        counts.texts += _describe(table, scene, name, part, rng)
    content = {
        "info": {"description": "procedural scenes of drawn figures; all texts are synthetic", "made_with": made},
        "licenses": [],
        "categories": [{"id": 1, "name": "person", "keypoints": list(KEYPOINT_NAMES), "skeleton": SKELETON}],
        "images": table.images,
        "annotations": table.annotations,
    }
    save_atomic(target, lambda temporary: temporary.write_text(json.dumps(content), encoding="utf-8"))
    return counts


def _describe(table: _Table, scene: Scene, name: str, part: str, rng: np.random.Generator) -> int:
    facts, written = facts_of(scene), 0
    for who, person in enumerate(scene.people):
        found = [(text, said) for text, said in descriptions(scene, who, facts) if _allowed(said, part)]
        chosen = [found[int(k)][0] for k in rng.permutation(len(found))[:_TEXTS]]
        if part == "val":  # both texts of a pair that differs in one word
            chosen += [text for text, _ in found if text in _PAIR and text not in chosen]
        for text in chosen:
            _add(table, scene, name, text, person, rng)
        written += len(chosen)
    return written


def _allowed(facts: tuple[Fact, ...], part: str) -> bool:
    joined = {"colour", "place"} <= {fact.kind for fact in facts}
    return not joined or held_out(facts) == (part == "val")


def _add(table: _Table, scene: Scene, name: str, text: str, person: Person, rng: np.random.Generator) -> None:
    number = len(table.images) + 1
    height, width = scene.image.shape[:2]
    left, top, right, bottom = person.box.tolist()
    table.images.append({"id": number, "file_name": name, "height": height, "width": width, "caption": text})
    table.annotations.append(
        {
            "id": number, "image_id": number, "category_id": 1, "iscrowd": 0,
            "bbox": [left, top, right - left, bottom - top],
            "area": float(person.mask.sum()),
            "segmentation": {"size": [height, width], "counts": run_lengths(person.mask)},
            "keypoints": [round(float(value), 2) for value in person.keypoints.ravel()],
            "num_keypoints": int((person.keypoints[:, 2] > 0).sum()),
            "scribble": [scribble_in(person.mask, rng).round(2).tolist() for _ in range(_SCRIBBLES)],
        }
    )  # fmt: skip


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Return COCO's uncompressed run lengths of a mask (H, W): by columns, beginning with the zeros."""
    flat = np.concatenate([[0], mask.ravel(order="F").astype(np.int8), [0]])
    turns = np.flatnonzero(np.diff(flat))
    edges = np.concatenate([[0], turns, [mask.size]])
    runs = np.diff(edges)
    return [int(run) for run in (runs[:-1] if len(turns) and turns[-1] == mask.size else runs)]
