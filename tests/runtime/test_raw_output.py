from __future__ import annotations

import numpy as np
import pytest

from uhd.heads import decode
from uhd.runtime.raw_output import is_raw, raw_map, read_layout

from .conftest import some_layout


def parts_of(raw: np.ndarray, anchors: int, has_quality: bool, classes: int) -> dict[str, np.ndarray]:
    b, channels, h, w = raw.shape
    maps = raw.reshape(b, anchors, channels // anchors, h, w)
    parts = {"box": maps[:, :, :4], "obj": maps[:, :, 4:5]}
    if has_quality:
        parts["quality"] = maps[:, :, 5:6]
    if classes:
        parts["cls"] = maps[:, :, 5 + has_quality :]
    return {name: part.reshape(b, -1, h, w) for name, part in parts.items()}


@pytest.mark.parametrize("has_quality", [True, False])
@pytest.mark.parametrize("classes", [0, 1, 2])
def test_parts_and_one_map_are_the_same_map(has_quality: bool, classes: int) -> None:
    layout = some_layout(classes, has_quality)
    raw = np.random.default_rng(0).normal(size=(2, 3 * layout.channels_per_anchor, 4, 5)).astype(np.float32)
    constants = {"anchors": layout.anchors, "wh_scale": layout.wh_scale}
    name = "txtywh_obj" + "_quality" * has_quality + "_cls" * (classes > 0) + "_x8"
    mode = "_".join(["obj", *["quality"] * has_quality, *["cls"] * (classes > 0)])
    for tensors in ({name: raw, **constants}, {**parts_of(raw, 3, has_quality, classes), **constants}):
        assert is_raw(list(tensors))
        found = read_layout(tensors, {})
        assert (found.num_classes, found.has_quality, found.score_mode) == (classes, has_quality, mode)
        assert np.array_equal(found.wh_scale, layout.wh_scale)
        assert np.array_equal(raw_map(tensors, found), raw)


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (["box", "quality", "cls", "anchors", "wh_scale"], True),
        (["box", "obj", "cls"], False),  # no anchors: nothing to decode with
        (["box", "anchors", "wh_scale"], False),
        (["txtywh_obj_quality_cls_x8", "anchors", "wh_scale"], True),
        (["txtywh_box_quality_cls_x8", "anchors", "wh_scale"], True),
        (["box", "attr", "anchors", "wh_scale"], False),
        (["score_classid_cxcywh"], False),
        (["output0"], False),
    ],
)
def test_which_outputs_can_be_read(outputs: list[str], expected: bool) -> None:
    assert is_raw(outputs) is expected


def test_a_score_that_needs_a_missing_branch_is_refused() -> None:
    layout = some_layout()
    tensors = {
        "box": np.zeros((1, 12, 4, 5), np.float32), "quality": np.zeros((1, 3, 4, 5), np.float32),
        "anchors": layout.anchors, "wh_scale": layout.wh_scale,
    }  # fmt: skip
    assert read_layout(tensors, {}).score_mode == "quality"
    with pytest.raises(ValueError, match="obj"):
        read_layout(tensors, {"score_mode": "obj_quality"})
    with pytest.raises(ValueError, match="not one of"):
        read_layout(tensors, {"score_mode": "magic"})
    with pytest.raises(ValueError, match="do not fit"):
        read_layout({**tensors, "wh_scale": np.ones((2, 2), np.float32)}, {})


@pytest.mark.parametrize("mode", ["quality_cls", "obj_quality_cls", "quality"])
def test_a_map_whose_shape_lies_is_read_in_its_true_order(mode: str) -> None:
    """The original's later version wrote ``txtywh_box_...`` as anchor, row, column, channel under another shape."""
    classes = 2 if "cls" in mode else 0
    layout = some_layout(classes, True, mode)
    raw = np.random.default_rng(0).normal(size=(2, 3 * layout.channels_per_anchor, 4, 5)).astype(np.float32)
    fields = ["box", *mode.split("_")]
    parts = parts_of(raw, 3, True, classes)
    maps = np.concatenate([parts[name].reshape(2, 3, -1, 4, 5) for name in fields], 2)
    scrambled = np.moveaxis(maps, 2, -1).reshape(2, -1, 4, 5)
    tensors = {f"txtywh_{'_'.join(fields)}_x8": scrambled, "anchors": layout.anchors, "wh_scale": layout.wh_scale}
    found = read_layout(tensors, {})
    assert (found.num_classes, found.score_mode) == (classes, mode)
    boxes, scores = decode(raw_map(tensors, found), found)
    expected_boxes, expected_scores = decode(raw, layout)
    assert np.array_equal(boxes, expected_boxes)
    assert np.array_equal(scores, expected_scores)
