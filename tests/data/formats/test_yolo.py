from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uhd.boxes import xyxy_to_cxcywh
from uhd.data.formats.yolo import ClassMap, parse_labels, read_labels
from uhd.data.problems import BAD_LABEL, UNKNOWN_CLASS, Report
from uhd.errors import UserError


def parse(text: str, classes: tuple[int, ...] = (0,), known: int | None = None):
    report = Report()
    boxes, labels = parse_labels(text, ClassMap.of(classes, known), "a.txt", report)
    return boxes, labels, report


def test_good_lines() -> None:
    boxes, labels, report = parse("0 0.5 0.5 0.2 0.4\n\n2.0 0.25 0.25 0.5 0.5 0.99 extra\n", (2, 0))
    np.testing.assert_allclose(boxes, [[0.4, 0.3, 0.6, 0.7], [0, 0, 0.5, 0.5]], atol=1e-6)
    assert labels.tolist() == [1, 0]
    assert boxes.dtype == np.float32
    assert labels.dtype == np.int64
    assert report.total == 0


def test_empty_text() -> None:
    boxes, labels, _ = parse("\n \n")
    assert boxes.shape == (0, 4)
    assert labels.shape == (0,)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 nan 0.5 0.2 0.2", "not finite"),
        ("0 0.5 inf 0.2 0.2", "not finite"),
        ("0 0.5 0.5 -0.2 0.2", "not positive"),
        ("0 0.5 0.5 0.2 0", "not positive"),
        ("0 0.5 half 0.2 0.2", "not five numbers"),
        ("person 0.5 0.5 0.2 0.2", "not five numbers"),
        ("0 0.5 0.5 0.2", "has 4 fields"),
        ("-1 0.5 0.5 0.2 0.2", "whole number"),
        ("0.5 0.5 0.5 0.2 0.2", "whole number"),
        ("0 120 80 40 60", "not normalised"),
        ("0 1.3 0.5 0.2 0.2", "outside the image"),
    ],
)
def test_bad_lines_are_named_counted_and_skipped(line: str, reason: str) -> None:
    boxes, _, report = parse(f"0 0.5 0.5 0.2 0.2\n\n{line}\n0 0.4 0.4 0.1 0.1")
    assert len(boxes) == 2
    assert report.counts[BAD_LABEL] == 1
    assert report.examples[BAD_LABEL][0].startswith("a.txt:3: ")
    assert reason in report.examples[BAD_LABEL][0]


def test_strict_stops_at_the_line() -> None:
    with pytest.raises(UserError, match=r"a\.txt:2: .*not finite"):
        parse_labels("0 .5 .5 .1 .1\n0 nan 0 0 0", ClassMap.of((0,)), "a.txt", Report(strict=True))
    with pytest.raises(UserError, match=r"a\.txt:1: class 7 is not in --classes 0,1"):
        parse_labels("7 .5 .5 .1 .1", ClassMap.of((0, 1)), "a.txt", Report(strict=True))


def test_declared_class_is_passed_over_silently() -> None:
    boxes, _, report = parse("1 .5 .5 .1 .1\n3 .5 .5 .1 .1\n0 .5 .5 .1 .1", (0,), known=2)
    assert len(boxes) == 1
    assert report.counts == {UNKNOWN_CLASS: 1}
    assert "class 3" in report.examples[UNKNOWN_CLASS][0]


def test_repeated_line_counts_once() -> None:
    boxes, _, report = parse("0 .5 .5 .1 .1\n0 .5 .5 .1 .10")
    assert len(boxes) == 1
    assert report.total == 1


def test_box_over_the_edge_is_clipped() -> None:
    boxes, _, report = parse("0 0.05 0.5 0.3 1.4")
    np.testing.assert_allclose(boxes, [[0, 0, 0.2, 1]], atol=1e-6)
    assert report.total == 0


def test_file_with_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf0 0.5 0.5 0.2 0.2\r\n0 0.1 0.1 0.1 0.1\r\n")
    boxes, _ = read_labels(path, ClassMap.of((0,)), Report(strict=True))
    assert len(boxes) == 2


unit = st.floats(0.01, 0.99)


@given(st.lists(st.tuples(unit, unit, unit, unit), max_size=8, unique=True))
def test_round_trip_of_boxes_inside_the_image(rows: list[tuple[float, ...]]) -> None:
    inside = [(cx, cy, w * 2 * min(cx, 1 - cx), h * 2 * min(cy, 1 - cy)) for cx, cy, w, h in rows]
    boxes, _, report = parse("\n".join(f"0 {cx:.8f} {cy:.8f} {w:.8f} {h:.8f}" for cx, cy, w, h in inside))
    if len(boxes) == len(inside):  # rounding may make two lines equal
        np.testing.assert_allclose(xyxy_to_cxcywh(boxes), np.array(inside).reshape(-1, 4), atol=2e-6)
    assert len(boxes) + report.total == len(inside)


@given(st.text(max_size=80))
def test_any_text_gives_boxes_inside_the_image(text: str) -> None:
    boxes, labels, _ = parse(text)
    assert len(boxes) == len(labels)
    assert np.isfinite(boxes).all()
    assert ((boxes >= 0) & (boxes <= 1)).all()


@pytest.mark.parametrize("mark", ["utf-16-le", "utf-16-be"])
def test_label_files_in_utf_16_are_named_with_what_to_do(tmp_path: Path, mark: str) -> None:
    path, report = tmp_path / "a.txt", Report()
    path.write_bytes("\ufeff0 .5 .5 .1 .1\n0 .2 .2 .1 .1\n".encode(mark))
    assert len(read_labels(path, ClassMap.of((0,)), report)[0]) == 0
    assert report.total == 1
    with pytest.raises(UserError, match="UTF-16: save it as UTF-8"):
        read_labels(path, ClassMap.of((0,)), Report(strict=True))
