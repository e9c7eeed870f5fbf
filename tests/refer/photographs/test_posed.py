"""Photographs with boxes and a teacher's poses: what is believed, what is written, and that nothing is asked twice."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.refer.photographs.test_photographs import SCENES
from tests.runtime.foreign.teacher_of_poses import write_teacher
from uhd.cli import main
from uhd.data.formats.refhuman import read_refhuman
from uhd.data.formats.yolo import ClassMap
from uhd.data.problems import Report
from uhd.keypoints import MEAN_POSE
from uhd.objects import Objects
from uhd.refer.photographs.pose_rules import PoseRules
from uhd.refer.photographs.posed import posed


def test_what_is_believed() -> None:
    boxes = np.float32([[0.2, 0.2, 0.4, 0.6], [0.5, 0.5, 0.55, 0.6], [0, 0, 1, 1]])
    people = Objects(boxes, np.int64([0, 0, -1]), np.array([False, False, True]))
    poses = np.zeros((2, 17, 3), np.float32)
    poses[..., :2], poses[..., 2] = np.float32([0.3, 0.3]), 0.9
    poses[0, 1, 2] = 0.29  # not sure enough
    poses[0, 2, :2] = (0.43, 0.3)  # beside the box, by less than a tenth of its longer side
    poses[0, 3, :2] = (0.45, 0.3)  # by more: somebody else's
    found = posed(people, poses, (200, 200), PoseRules(pose_score=0.3, pose_height=40)).keypoints
    assert found is not None
    assert found[0, :4, 2].tolist() == [2, 0, 2, 0]
    assert found[0, 0].tolist() == pytest.approx([0.3, 0.3, 2])
    assert not found[1:].any()  # too small; a region
    small = posed(people, poses, (180, 180), PoseRules(pose_height=73)).keypoints
    assert small is not None
    assert not small.any()


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Return a folder of drawn scenes with box labels."""
    for i, scene in enumerate(SCENES[:6]):
        folder = tmp_path / "photos" / ("train" if i < 4 else "val")
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{i}.png"), cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR))
        boxes = np.stack([person.box for person in scene.people]) / 160
        lines = [f"0 {(a + c) / 2:.6f} {(b + d) / 2:.6f} {c - a:.6f} {d - b:.6f}\n" for a, b, c, d in boxes]
        (folder / f"{i}.txt").write_text("".join(lines))
    return tmp_path / "photos"


def test_files_hold_pseudo_labels_and_say_so(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = np.array([(0.5 + 0.8 * y, 0.5 + 0.2 * x, 0.9) for x, y in MEAN_POSE])
    model = write_teacher(tmp_path / "poses.onnx", answer)
    before = {path: path.read_bytes() for path in photographs.rglob("*") if path.is_file()}
    words = ["refer", "data", str(tmp_path / "out"), "--photographs", str(photographs), "--poses", str(model)]
    words += ["--pose-height", "16", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert {part: counts["pictures"] for part, counts in told.items()} == {"train": 4, "val": 2}
    assert told["train"]["people"] == sum(len(scene.people) for scene in SCENES[:4])
    assert told["train"]["texts"] > 0
    for part in told:
        path = tmp_path / "out" / f"RefHuman_{part}.json"
        info = json.loads(path.read_text())["info"]
        assert "pseudo-labels by MoveNet" in info["description"]
        assert info["made_with"]["synthetic"] is True
        records = read_refhuman(path, ClassMap.of((0,)), Report(strict=True))[0]
        assert sum(record.objects.count for record in records) == told[part]["people"]
        for record in records:
            people = record.objects
            said = [text for texts in people.texts or () for text in texts]
            assert len(said) == len(set(said))
            assert people.masks is None
            assert people.keypoints is not None
            assert (people.keypoints[..., 2] == 2).sum() >= 12 * people.count

    def never(*_: object) -> None:
        pytest.fail("asked again")

    wrote = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    monkeypatch.setattr("uhd.runtime.foreign.movenet.MoveNet.__call__", never)
    assert main(words) == 0
    assert wrote == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert before == {path: path.read_bytes() for path in photographs.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["PHOTOS/new", "--photographs", "PHOTOS", "--poses", "m.onnx"], "never written to"),
        (["out", "--photographs", "PHOTOS"], "belong together"),
        (["out", "--procedural", "--keypoints", "k.json"], "give one"),
        (["out", "--poses", "m.onnx"], "belong together"),
        (["out", "--photographs", "PHOTOS", "--poses", "m.onnx", "--paste", "3"], "no masks"),
        (["out", "--photographs", "PHOTOS", "--poses", "m.onnx"], "no such file"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str], told: str, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["refer", "data", *(word.replace("PHOTOS", str(photographs)) for word in words)]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
