"""The drawn world as files: read by COCO's own tools, the same for the same seed, never over another data set."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from uhd.cli import main
from uhd.refer.prompts import jittered_box, point_in, scribble_in
from uhd.refer.world.dataset import run_lengths, write_world
from uhd.refer.world.scene import draw_scene


def test_coco_reads_masks_boxes_and_keypoints(tmp_path: Path) -> None:
    counts = write_world(tmp_path, 6, seed=3, size=128)
    assert counts.pictures == 6
    assert counts.texts >= counts.people >= 6
    with contextlib.redirect_stdout(io.StringIO()):
        read = COCO(str(tmp_path / "RefHuman_train.json"))
    scene = draw_scene(np.random.default_rng([3, 0, 0]), (128, 128))
    for annotation in read.loadAnns(read.getAnnIds()):
        mask = read.annToMask(annotation)
        assert mask.sum() == annotation["area"]
        rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
        x, y, w, h = annotation["bbox"]
        assert (x, y, x + w, y + h) == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert len(annotation["keypoints"]) == 51
        assert np.shape(annotation["scribble"]) == (5, 12, 2)
        image = read.loadImgs(annotation["image_id"])[0]
        assert image["caption"].startswith("the ")
        assert (tmp_path / "images" / image["file_name"]).is_file()
    first = [read.annToMask(each).astype(bool) for each in read.loadAnns(read.getAnnIds(imgIds=[1]))]
    assert any(np.array_equal(first[0], person.mask) for person in scene.people)


def test_one_seed_is_one_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--count", "10", "--size", "64", "--seed", "5"]
    for name in ("a", "b"):
        assert main(["refer", "data", str(tmp_path / name), *words]) == 0
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 10 + 1 + 2
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    capsys.readouterr()
    assert main(["refer", "data", str(tmp_path / "a"), "--count", "11", "--size", "64"]) == 2
    assert "another data set" in capsys.readouterr().err
    assert main(["refer", "data"]) == 2


def test_training_never_joins_what_is_held_out(tmp_path: Path) -> None:
    texts = {}
    for part in ("train", "val"):
        write_world(tmp_path, 40, part=part, size=64)
        content = json.loads((tmp_path / f"RefHuman_{part}.json").read_text())
        texts[part] = {
            (image["caption"].split(" person")[0].removeprefix("the "), image["caption"].split("in the ")[1].split()[0])
            for image in content["images"]
            if "shirt" in image["caption"] and ("leftmost" in image["caption"] or "rightmost" in image["caption"])
        }
    assert texts["train"]
    assert not texts["train"] & texts["val"]


@pytest.mark.parametrize("rows", [(1, 0, 1), (0, 0, 0), (1, 1, 1), (0, 1, 1)])
def test_run_lengths(rows: tuple[int, ...]) -> None:
    from pycocotools import mask as coco_mask

    mask = np.array([rows, rows[::-1]], bool)
    runs = run_lengths(mask)
    assert sum(runs) == mask.size
    assert np.array_equal(coco_mask.decode(coco_mask.frPyObjects({"size": [2, 3], "counts": runs}, 2, 3)), mask)


def test_prompts_lie_where_they_should() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((60, 80), bool)
    mask[10:50, 30:60] = True
    for _ in range(20):
        x, y = point_in(mask, rng)
        assert 32 <= x <= 58
        assert 12 <= y <= 48
        stroke = scribble_in(mask, rng)
        assert stroke.shape == (12, 2)
        assert mask[stroke[:, 1].astype(int), stroke[:, 0].astype(int)].all()  # a filled box is convex
        moved = jittered_box(np.array([30, 10, 60, 50], np.float32), rng)
        assert np.abs(moved - [30, 10, 60, 50]).max() <= 4.0 + 1e-5
    one = np.zeros((5, 5), bool)
    one[2, 3] = True
    assert point_in(one, rng).tolist() == [3.5, 2.5]
