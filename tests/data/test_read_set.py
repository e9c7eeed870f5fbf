"""Data sets in which some files are broken, or classes differ in case alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.data.labelled_set import LabelledSet, map_classes
from uhd.data.problems import BAD_LABEL, Report
from uhd.data.read_set import read_set
from uhd.errors import UserError


def test_a_broken_xml_among_others_is_reported_and_alone_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "a.xml").write_text("<annotation><filename>a.png</filename>")
    with pytest.raises(UserError, match=r"a\.xml: cannot be read as XML"):
        read_set(tmp_path, "auto", Report())
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "b.xml").write_text(
        "<annotation><filename>b.png</filename><object><name>person</name><keypoints>1 2</keypoints><bndbox>"
        "<xmin>1</xmin><ymin>1</ymin><xmax>4.5</xmax><ymax>4</ymax></bndbox></object></annotation>"
    )
    report = Report()
    found = read_set(tmp_path, "auto", report)
    assert (sum(len(record.boxes) for record in found.records), report.counts[BAD_LABEL]) == (1, 1)


def test_a_class_is_chosen_by_its_very_name_first() -> None:
    chosen, _ = map_classes(LabelledSet({}, ("Person", "person")), ["person"], ())
    assert chosen.names == ("person",)
