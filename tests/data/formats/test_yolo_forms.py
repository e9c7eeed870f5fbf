"""Lines that are no boxes: outlines, poses, corners; and what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uhd.data.formats.yolo import ClassMap, LineForm, holds_corners, parse_objects
from uhd.data.formats.yolo_writer import label_lines
from uhd.data.problems import Report
from uhd.data.records import Record
from uhd.objects import Objects

PLAIN = LineForm()


def parse(text: str, form: LineForm = PLAIN) -> tuple[Objects, list[str]]:
    report = Report()
    objects = parse_objects(text, ClassMap.of((0, 2)), "a.txt", report, form)
    return objects, [message for messages in report.examples.values() for message in messages]


def test_an_outline_becomes_its_bounds_and_is_kept() -> None:
    objects, problems = parse("0 0.2 0.2 0.5 0.3 0.4 0.8\n2 0.5 0.5 0.2 0.2\n")
    assert problems == []
    np.testing.assert_allclose(objects.boxes, [[0.2, 0.2, 0.5, 0.8], [0.4, 0.4, 0.6, 0.6]], atol=1e-6)
    assert objects.masks is not None
    np.testing.assert_allclose(objects.masks[0][0], [[0.2, 0.2], [0.5, 0.3], [0.4, 0.8]], atol=1e-6)
    assert objects.masks[1] == ()


def test_a_score_behind_the_box_is_not_read() -> None:
    objects, problems = parse("0 0.5 0.5 0.2 0.2 0.93\n")
    assert problems == []
    assert objects.masks is None
    np.testing.assert_allclose(objects.boxes, [[0.4, 0.4, 0.6, 0.6]], atol=1e-6)


def test_poses_are_boxes_with_keypoints() -> None:
    points = "0.45 0.45 2 0.5 0.5 1 0.55 0.55 0 0 0 0"
    objects, problems = parse(f"0 0.5 0.5 0.2 0.2 {points}\n", LineForm(keypoints=(4, 3)))
    assert problems == []
    assert objects.keypoints is not None
    assert objects.keypoints[0, :, 2].tolist() == [2, 1, 0, 0]
    without, _ = parse(f"0 0.5 0.5 0.2 0.2 {points}\n")
    np.testing.assert_allclose(without.boxes, objects.boxes)
    flat, _ = parse("0 0.5 0.5 0.2 0.2 0.45 0.45 0.5 0.5\n", LineForm(keypoints=(2, 2)))
    assert flat.keypoints is not None
    assert flat.keypoints[0, 1].tolist() == [0.5, 0.5, 2]


def test_corners_are_told_from_sizes_by_the_whole_data_set() -> None:
    rng = np.random.default_rng(0)
    corners = np.sort(rng.random((60, 2, 2)), axis=1).reshape(-1, 4)
    centres = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], 1)
    as_text = ["".join(f"0 {a:.4f} {b:.4f} {c:.4f} {d:.4f}\n" for a, b, c, d in rows) for rows in (corners, centres)]
    assert holds_corners([as_text[0]])
    assert not holds_corners([as_text[1]])
    assert not holds_corners(["0 0.5 0.5 0.9 0.95\n" * 9])  # large and in the middle: inside the image as it stands
    assert not holds_corners([])
    objects, problems = parse(as_text[0], LineForm(corners=True))
    assert problems == []
    np.testing.assert_allclose(objects.boxes, corners, atol=1e-4)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 50 40 30 60", "is in pixels"),
        ("0 50 40 30 60 90 80", "is in pixels"),
        ("0,0.5,0.5,0.2,0.2", "no blanks"),
        ("person 0.5 0.5 0.2 0.2", "not five numbers"),
        ("0 0.1 0.1 0.5 0.1 0.9 0.1", "no area"),
        ("0 1.1 1.1 1.5 1.1 1.9 1.2", "outside the image"),
    ],
)
def test_what_cannot_be_read_is_named(line: str, reason: str) -> None:
    objects, problems = parse(line)
    assert len(objects) == 0
    assert len(problems) == 1
    assert problems[0].startswith("a.txt:1: ")
    assert reason in problems[0]


def test_what_is_written_is_read_again() -> None:
    objects, _ = parse("0 0.2 0.2 0.5 0.3 0.4 0.8\n2 0.5 0.5 0.2 0.2\n")
    lines, lacking = label_lines(Record(Path("a.jpg"), objects))
    assert lines == ["0 0.2 0.2 0.5 0.3 0.4 0.8", "1 0.5 0.5 0.2 0.2"]
    assert lacking == {}
