"""Persons pasted into other photographs: what is written of everybody is what is painted there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.refer.photographs.test_photographs import SCENES, objects_of
from uhd.data.records import Record
from uhd.objects import Objects
from uhd.outlines import fill_outline
from uhd.refer.photographs.paste import cut_out, paste, pasted_photograph

SIZE = (160, 160)


def masks_of(people: Objects) -> np.ndarray:
    return np.stack([fill_outline(outline, SIZE) for outline in people.masks or ()])


def bounds(mask: np.ndarray) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [columns[0] / 160, rows[0] / 160, (columns[-1] + 1) / 160, (rows[-1] + 1) / 160]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    folder = tmp_path_factory.mktemp("photographs")
    found = []
    for i, scene in enumerate(SCENES[:6]):
        cv2.imwrite(str(folder / f"{i:02d}.png"), cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR))
        found.append(Record(folder / f"{i:02d}.png", objects_of(scene), SIZE))
    return found


@pytest.mark.parametrize("tall", [30, 71, 110])
def test_mask_box_and_keypoints_are_those_of_the_painted_pixels(tall: int) -> None:
    source, target = SCENES[0], SCENES[1]
    cutout = cut_out(source.image, objects_of(source), 0)
    cutout.pixels[:] = (1, 254, 3)  # nobody else has this colour
    small = cutout.resized(tall)
    for left in range(0, 160 - small.mask.shape[1], 12):
        made = paste(target.image, objects_of(target), small, left, 20)
        if made is None:
            continue
        image, people = made
        painted = (image == (1, 254, 3)).all(2)
        masks = masks_of(people)
        assert (masks[-1] == painted).all()
        assert people.boxes[-1].tolist() == pytest.approx(bounds(painted))
        assert people.keypoints is not None
        points = people.keypoints[-1]
        shift = (
            points[:, :2] * 160
            - (left, 20)
            - cutout.keypoints[:, :2] * np.array(small.mask.shape[::-1]) / np.array(cutout.mask.shape[::-1])
        )
        assert np.abs(shift[points[:, 2] > 0]).max() < 1e-3
        assert (image[~painted] == target.image[~painted]).all()
        for i, before in enumerate(masks_of(objects_of(target))):  # those behind lose what is covered, and only that
            assert (masks[i] == (before & ~painted)).all()
            if (before & painted).any():
                assert people.boxes[i].tolist() == pytest.approx(bounds(masks[i]))
            was, now = objects_of(target).keypoints[i], people.keypoints[i]  # type: ignore[index]
            at = (was[:, :2] * 160).astype(int).clip(0, 159)
            covered = painted[at[:, 1], at[:, 0]] & (was[:, 2] == 2)
            assert (now[:, 2] == np.where(covered, 1, was[:, 2])).all()
        return
    pytest.fail("the person could be pasted nowhere")


def test_nobody_is_covered_nearly_whole_or_without_a_mask() -> None:
    scene = SCENES[1]
    people = objects_of(scene)
    cutout = cut_out(scene.image, people, 0)
    left, top = (people.boxes[0, :2] * 160).round().astype(int).tolist()
    assert paste(scene.image, people, cutout, left, top) is None  # on the same place: nothing of the person is left
    bare = Objects(people.boxes, people.labels, people.ignored, people.keypoints)
    assert paste(scene.image, bare, cutout, left, min(top + 5, 160 - len(cutout.mask))) is None


def test_texts_mean_one_person_and_the_seed_decides(records: list[Record]) -> None:
    made = [pasted_photograph(records, number, seed=3) for number in range(3)]
    assert sum(each is not None for each in made) >= 2
    for number, each in enumerate(made):
        again = pasted_photograph(records, number, seed=3)
        if each is None or again is None:
            assert each is again
            continue
        image, people = each
        assert (image == again[0]).all()
        assert people.texts == again[1].texts
        assert people.texts is not None
        assert people.texts[-1], "whoever was pasted is described"
        said = [text for texts in people.texts for text in texts]
        assert len(said) == len(set(said)), "no text means two people"
    assert pasted_photograph(records[:1], 0) is None  # nobody else to cut out
