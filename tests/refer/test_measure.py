"""The figures against COCO's own tools, closed forms, and what chance gives."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from uhd.data.formats.run_length import outline_of_bitmap
from uhd.objects import Objects
from uhd.refer.answers import Found
from uhd.refer.controls import Referral, chance, facts_in, minimal_pairs, shuffled_texts
from uhd.refer.measure import Asked, measure
from uhd.refer.tables import compare

SIZE = (40, 60)


def scene(rng: np.random.Generator) -> tuple[Found, Objects, list[np.ndarray]]:
    """Return three candidates near two people."""
    extent = np.array([SIZE[1], SIZE[0]])
    boxes, masks, points = [], [], []
    for x in (2, 30):
        w, h = rng.integers(8, 20), rng.integers(15, 30)
        mask = np.zeros(SIZE, bool)
        mask[5 : 5 + h, x : x + w] = True
        boxes.append(np.array([x, 5, x + w, 5 + h]) / np.tile(extent, 2))
        masks.append(mask)
        place = np.stack([rng.uniform(x, x + w, 17), rng.uniform(5, 5 + h, 17)], 1) / extent
        points.append(np.concatenate([place, rng.integers(0, 3, (17, 1))], 1))
    people = Objects(
        np.array(boxes, np.float32), np.zeros(2, np.int64), np.zeros(2, bool), np.array(points, np.float32),
        tuple(outline_of_bitmap(mask) for mask in masks),
    )  # fmt: skip
    near = [0, 1, int(rng.integers(2))]
    jitter = rng.normal(0, 0.02, (3, 17, 2)) * rng.uniform(0, 2, (3, 1, 1))
    logits = np.stack([np.where(np.roll(masks[i], int(rng.integers(-3, 4)), 1), 5, -5) for i in near])
    found = Found(
        (people.boxes[near] + rng.normal(0, 0.02, (3, 4))).astype(np.float32),
        (people.keypoints[near, :, :2] + jitter).astype(np.float32),
        np.ones((3, 17), np.float32), np.ones(3, np.float32), logits.astype(np.float32),
    )  # fmt: skip
    return found, people, masks


@pytest.mark.parametrize("kind", ["bbox", "segm", "keypoints"])
def test_precision_is_that_of_cocos_tools(kind: str) -> None:
    rng = np.random.default_rng(1)
    asked, images, annotations, results = [], [], [], []
    for number in range(1, 13):
        found, people, masks = scene(rng)
        tables, person = compare(found, people, SIZE), int(rng.integers(2))
        scores = rng.random(3).astype(np.float32)
        asked.append(Asked(tables, person, scores))
        images.append({"id": number, "height": SIZE[0], "width": SIZE[1]})
        annotations.append(annotation(number, people, masks, person))
        results += [result(number, found, q, float(scores[q]), kind) for q in range(3)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
        truth.createIndex()
        tool = COCOeval(truth, truth.loadRes(results), kind)
        tool.evaluate()
        tool.accumulate()
        tool.summarize()
    name = {"bbox": "box", "segm": "mask", "keypoints": "OKS"}[kind]
    figures = measure(asked)
    assert 0.05 < figures[f"{name} AP"] < 0.95
    assert figures[f"{name} AP"] == pytest.approx(tool.stats[0], abs=1e-6)
    assert figures[f"{name} AP50"] == pytest.approx(tool.stats[1], abs=1e-6)


def annotation(number: int, people: Objects, masks: list[np.ndarray], person: int) -> dict[str, object]:
    extent = np.array([SIZE[1], SIZE[0]])
    left, top, right, bottom = (people.boxes[person] * np.tile(extent, 2)).tolist()
    points = people.keypoints[person].astype(np.float64)
    points[:, :2] *= extent
    covered = np.asfortranarray(masks[person].astype(np.uint8))
    return {
        "id": number, "image_id": number, "category_id": 1, "iscrowd": 0,
        "bbox": [left, top, right - left, bottom - top],
        "area": float(covered.sum()), "segmentation": coco_mask.encode(covered),
        "keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum()),
    }  # fmt: skip


def result(number: int, found: Found, q: int, score: float, kind: str) -> dict[str, object]:
    extent = np.array([SIZE[1], SIZE[0]])
    left, top, right, bottom = (found.boxes[q] * np.tile(extent, 2)).tolist()
    own: dict[str, object] = {"bbox": [left, top, right - left, bottom - top]}
    if kind == "segm":
        own = {"segmentation": coco_mask.encode(np.asfortranarray(found.mask(q, SIZE).astype(np.uint8)))}
    if kind == "keypoints":
        own = {"keypoints": np.concatenate([found.keypoints[q] * extent, np.ones((17, 1))], 1).ravel().tolist()}
    return {"image_id": number, "category_id": 1, "score": score, **own}


def test_figures_of_a_perfect_and_of_a_wrong_answer() -> None:
    _, people, masks = scene(np.random.default_rng(2))
    exact = Found(
        people.boxes, people.keypoints[..., :2].copy(), np.ones((2, 17), np.float32), np.ones(2, np.float32),
        np.stack([np.where(mask, 5.0, -5.0) for mask in masks]).astype(np.float32),
    )  # fmt: skip
    tables = compare(exact, people, SIZE)
    right = measure([Asked(tables, 0, np.array([0.9, 0.1], np.float32))])
    assert all(right[name] == pytest.approx(1) for name in right)
    wrong = measure([Asked(tables, 0, np.array([0.1, 0.9], np.float32))])
    assert wrong["accuracy"] == wrong["oIoU"] == 0
    two = measure(
        [Asked(tables, 0, np.array([0.9, 0.1], np.float32)), Asked(tables, 0, np.array([0.1, 0.9], np.float32))]
    )
    first, second = masks[0].sum(), masks[1].sum()
    assert two["accuracy"] == 0.5
    assert two["oIoU"] == pytest.approx(first / (first + first + second))


def test_controls() -> None:
    said = [(0, 0, "the leftmost person", 2), (0, 1, "the rightmost person", 2), (1, 0, "the left person", 3),
            (1, 2, "the person in the red shirt", 3), (1, 1, "the right person", 3), (2, 0, "a", 1)]  # fmt: skip
    referrals = [Referral(*each) for each in said]
    assert minimal_pairs(referrals) == [(0, 1), (2, 4)]
    assert chance(referrals) == pytest.approx((2 / 2 + 3 / 3 + 1) / 6)
    shuffled = shuffled_texts(referrals)
    assert sorted(shuffled) == sorted(each.text for each in referrals)
    own = {(each.picture, each.text) for each in referrals}
    assert not any((each.picture, text) in own for each, text in zip(referrals, shuffled, strict=True))


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("the leftmost person in the red shirt", {"colour", "place"}),
        ("the person raising the left arm", {"pose"}),
        ("the second person from the left raising the right arm", {"pose", "place"}),
        ("the smallest person with blue trousers", {"size", "trousers"}),
    ],
)
def test_facts_in_a_text(text: str, facts: set[str]) -> None:
    assert facts_in(text) == facts
