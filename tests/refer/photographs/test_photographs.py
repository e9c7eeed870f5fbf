"""What is said of photographs is true: measured on drawn scenes, where everything is known."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.cli import main
from uhd.data.formats.coco_writer import write_coco
from uhd.data.formats.refhuman import read_refhuman
from uhd.data.formats.run_length import outline_of_bitmap
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import Report
from uhd.data.records import Record
from uhd.data.split import split_records
from uhd.objects import Objects
from uhd.read import read_image
from uhd.refer.photographs.dataset import read_photographs
from uhd.refer.photographs.described import described
from uhd.refer.photographs.facts import photograph_facts
from uhd.refer.photographs.paste import pasted_photograph
from uhd.refer.world.describe import facts_of
from uhd.refer.world.scene import Scene, draw_scene

SCENES = [draw_scene(np.random.default_rng([7, i]), (160, 160)) for i in range(12)]


def objects_of(scene: Scene, crowd: bool = False) -> Objects:
    """Return what annotators would have written of a scene."""
    extent = np.array([scene.image.shape[1], scene.image.shape[0]], np.float32)
    count = len(scene.people)
    boxes = np.stack([person.box for person in scene.people]) / np.tile(extent, 2)
    keypoints = np.stack([person.keypoints / np.append(extent, 1) for person in scene.people]).astype(np.float32)
    masks = tuple(outline_of_bitmap(person.mask) for person in scene.people)
    ignored = np.zeros(count, bool)
    ignored[-1] = crowd
    return Objects(boxes.astype(np.float32), np.zeros(count, np.int64), ignored, keypoints, masks)


def test_facts_are_those_of_the_scene() -> None:
    said = 0
    for scene in SCENES:
        truth = {(fact.kind, fact.words): fact.holders for fact in facts_of(scene)}
        for fact in photograph_facts(scene.image, objects_of(scene)):
            if fact.kind == "size":  # of what is seen, not of the figure when it stands
                continue
            assert truth.get((fact.kind, fact.words)) == fact.holders, fact
            said += fact.kind in ("colour", "pose")
    assert said >= 5


def test_what_is_not_known_of_everybody_is_not_said() -> None:
    scene = next(s for s in SCENES if len(s.people) > 1 and "colour" in {f.kind for f in _facts(s)})
    people = objects_of(scene)
    assert people.keypoints is not None
    people.keypoints[0, :, 2] = 0
    assert not {"colour", "pose"} & {fact.kind for fact in photograph_facts(scene.image, people)}
    assert photograph_facts(scene.image, objects_of(scene, crowd=True)) == []


def _facts(scene: Scene):
    return photograph_facts(scene.image, objects_of(scene))


def test_files_say_it_once_and_keep_everybody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "annotations.json"
    images = []
    for i, scene in enumerate(SCENES[:8]):
        cv2.imwrite(str(tmp_path / f"{i}.png"), cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR))
        images.append((Path(f"{i}.png"), Record(tmp_path / f"{i}.png", objects_of(scene), (160, 160))))
    write_coco(source, images, ("person",))
    words = ["refer", "data", str(tmp_path / "out"), "--keypoints", str(source), "--paste", "2", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    parts = {
        part: read_refhuman(tmp_path / "out" / f"RefHuman_{part}.json", ClassMap.of((0,)), Report(strict=True))[0]
        for part in told
    }
    assert not {r.image for r in parts["train"]} & {r.image for r in parts["val"]}
    for part, records in parts.items():
        assert sum(len(record.boxes) for record in records) == told[part]["people"]
        assert sum(len(texts) for r in records for texts in r.objects.texts or ()) == told[part]["texts"]
    pasted = [record for record in parts["train"] if record.image.name.startswith("pasted_")]
    assert len(pasted) == told["train"]["pasted"] > 0
    assert told["val"]["pasted"] == 0
    train = split_records(read_photographs(source, Report()), 0.8, 0.2, 0)[0]
    for record in pasted:
        image, people = pasted_photograph(train, int(record.image.stem[-6:])) or pytest.fail("not the same picture")
        assert (read_image(record.image) == image).all()
        assert sorted(record.objects.texts or ()) == sorted(people.texts or ())
    for record in [record for record in parts["train"] if record not in pasted]:
        wanted = described(SCENES[int(record.image.stem)].image, objects_of(SCENES[int(record.image.stem)]))
        assert wanted.texts is not None
        found = record.objects.texts or ((),) * len(record.boxes)
        assert sorted(found) == sorted(wanted.texts)
    content = json.loads((tmp_path / "out" / "RefHuman_train.json").read_text())
    assert content["info"]["made_with"]["synthetic"] is True
    assert main([*words, "--seed", "1"]) == 2
    assert "another data set" in capsys.readouterr().err
    content["annotations"] = [
        {k: v for k, v in each.items() if "keypoints" not in k} for each in content["annotations"]
    ]
    (tmp_path / "out" / "RefHuman_train.json").write_text(json.dumps(content))
    assert main(["refer", "data", str(tmp_path / "b"), "--keypoints", str(tmp_path / "out/RefHuman_train.json")]) == 2
    assert "nobody in it has keypoints" in capsys.readouterr().err
