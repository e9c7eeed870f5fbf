"""Which classes are objects and which describe them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from uhd.data.config import DataConfig
from uhd.data.multi_label import LabelRoles, arrange_classes, count_lonely, objects_only, roles_of
from uhd.data.open import LONELY, open_data
from uhd.data.records import Record
from uhd.errors import UserError
from uhd.objects import Objects

SEPARATE = {"multi_label_mode": "separate"}


def config(**values: Any) -> DataConfig:
    return DataConfig(**values)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"classes": (0, 2)}, LabelRoles("none", (0, 2), ())),
        (SEPARATE | {"classes": (0, 1, 2), "multi_label_attr_classes": (1, 2)}, LabelRoles("separate", (0,), (1, 2))),
        (SEPARATE | {"classes": (0, 1, 2), "multi_label_det_classes": (2,)}, LabelRoles("separate", (2,), (0, 1))),
        (
            SEPARATE | {"multi_label_det_classes": (5,), "multi_label_attr_classes": (1,)},
            LabelRoles("separate", (5,), (1,)),
        ),
        ({"multi_label_mode": "single", "classes": (0, 1)}, LabelRoles("single", (0, 1), ())),
    ],
)
def test_roles(values: dict[str, Any], wanted: LabelRoles) -> None:
    assert roles_of(config(**values)) == wanted
    once = arrange_classes(config(**values))
    assert once.classes == wanted.classes
    assert arrange_classes(once) == once
    assert roles_of(once) == wanted


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (SEPARATE | {"classes": (0, 1)}, "which of --classes are attributes"),
        ({"multi_label_attr_classes": (1,)}, "need --multi-label-mode"),
        (SEPARATE | {"multi_label_det_classes": (1,), "multi_label_attr_classes": (1,)}, "class 1 is in"),
        (SEPARATE | {"classes": (1,), "multi_label_attr_classes": (1,)}, "no class is left to be an object"),
        (SEPARATE | {"classes": (1,), "multi_label_det_classes": (1,)}, "no class is left to be an attribute"),
        (
            SEPARATE | {"classes": (0, 1, 9), "multi_label_det_classes": (0,), "multi_label_attr_classes": (1,)},
            "class 9 of --classes is neither",
        ),
    ],
)
def test_contradictions(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        roles_of(config(**values))


def test_names_follow_their_classes() -> None:
    given = config(classes=(0, 3, 7), class_names=("hat", "person", "shoes"), **SEPARATE, multi_label_det_classes=(3,))
    assert arrange_classes(given).class_names == ("person", "hat", "shoes")
    with pytest.raises(UserError, match="3 --classes"):
        arrange_classes(dataclasses.replace(given, class_names=("a", "b")))


def test_ranks() -> None:
    assert LabelRoles("separate", (0, 1), (2,)).ranks == (0, 0, 1)
    assert LabelRoles("single", (4, 5, 6), ()).ranks == (0, 1, 2)


def test_lonely_attributes_and_objects_only() -> None:
    boxes = np.array([[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.52], [0.6, 0.6, 0.9, 0.9]], np.float32)
    none = np.zeros((0, 4), np.float32)
    record = Record(Path("a.jpg"), Objects.of(boxes, np.array([0, 1, 1]), none))
    alone = Record(Path("b.jpg"), Objects.of(boxes[:1], np.array([1]), none))
    roles = LabelRoles("separate", (0,), (1,))
    assert count_lonely([record, alone], roles) == 2
    assert count_lonely([record, alone], LabelRoles("none", (0, 1), ())) == 0
    assert [len(each.boxes) for each in objects_only([record, alone], roles)] == [1, 0]


def test_opening_reports_lonely_attributes(tmp_path: Path) -> None:
    for i in range(4):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.zeros((8, 8, 3), np.uint8))
        (tmp_path / f"{i}.txt").write_text("2 0.5 0.5 0.4 0.4\n0 0.5 0.5 0.4 0.4\n0 0.2 0.2 0.1 0.1\n")
    opened = open_data(config(image_dir=tmp_path, **SEPARATE, classes=(0, 2), multi_label_attr_classes=(0,)))
    assert opened.report.notes[LONELY] == 4
    assert opened.names == ("2", "0")
    assert sorted(opened.train[0].labels) == [0, 1, 1]
