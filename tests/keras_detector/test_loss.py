"""The loss in ``keras.ops`` has torch's value and gradient, whatever assigner, overlap, class term and head."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

pytest.importorskip("keras", reason="keras is not installed: pip install '.[keras]'")
import keras

from uhd.assigners.targets import Targets
from uhd.config import preset
from uhd.errors import UserError
from uhd.heads import HeadLayout, decode, resolve_score_mode
from uhd.keras_detector.loss.head import read_raw
from uhd.keras_detector.loss.objectives import detection_loss
from uhd.keras_detector.loss.targets import pack_targets
from uhd.losses import build_loss
from uhd.losses.config import LossConfig

ANCHORS = np.array([[0.2, 0.3], [0.4, 0.8]], np.float32)
# An image with two people in one cell and a third, one without anybody, one with a region that teaches nothing.
BOXES = np.zeros((3, 3, 4), np.float32)
BOXES[0] = [[0.30, 0.30, 0.55, 0.62], [0.32, 0.31, 0.52, 0.60], [0.6, 0.1, 1.0, 0.95]]
BOXES[2, 0] = [0.1, 0.05, 0.5, 0.9]
LABELS = np.array([[0, 1, 0], [-1, -1, -1], [1, -1, -1]])
IGNORE = np.zeros((3, 1, 4), np.float32)
IGNORE[2] = [0.55, 0.5, 1, 1]
ORIGINAL = itertools.product(
    ("legacy", "simota", "simota-legacy"), ("bce", "vfl", "vfl-legacy"), ("iou", "giou", "ciou"), (True, False), (2,)
)
CASES = [
    *(("original", *case) for case in ORIGINAL),
    *(("original", "legacy", kind, "ciou", True, 2) for kind in ("ce", "focal", "qfl")),
    *(("original", "tal", "bce", "ciou", quality, 0) for quality in (True, False)),
    *(("aligned", "tal", kind, "ciou", quality, classes) for kind in ("bce", "ce") for quality in (True, False)
      for classes in (1, 2)),
    ("aligned", "simota", "bce", "giou", True, 0),
]  # fmt: skip


def raw_map(channels: int) -> torch.Tensor:
    return torch.randn((3, channels, 6, 5), generator=torch.Generator().manual_seed(channels)) * 1.5


# Without anybody the overlap plays no part.
@pytest.mark.parametrize(
    ("objective", "assigner", "kind", "iou", "quality", "classes", "people"),
    [*((*case, True) for case in CASES), *((*case, False) for case in CASES if case[3] == "ciou")],
)
def test_value_and_gradient_are_those_of_torch(
    objective: str, assigner: str, kind: str, iou: str, quality: bool, classes: int, people: bool
) -> None:
    given = preset(LossConfig, "original" if objective == "original" else "uhd")
    config = LossConfig(**{**vars(given), "anchor_assigner": assigner, "anchor_cls_loss": kind, "iou_loss": iou})
    mode = resolve_score_mode(None, quality, False, classes)
    layout = HeadLayout(ANCHORS, np.ones_like(ANCHORS), classes, quality, mode, 1.0)
    labels = np.where(people, LABELS if classes == 2 else np.minimum(LABELS, 0), -1)
    theirs = raw_map(2 * (5 + quality + classes)).requires_grad_()
    ours = theirs.detach().permute(0, 2, 3, 1).contiguous().requires_grad_()
    scales = [torch.tensor([[1.1, 0.9], [0.8, 1.2]], requires_grad=True) for _ in range(2)]
    loss = build_loss(config, torch.from_numpy(ANCHORS), classes, quality, mode)
    targets = Targets(*(torch.from_numpy(each) for each in (BOXES, labels, IGNORE)))
    expected, wanted = loss(theirs, targets, scales[0])
    packed = pack_targets(BOXES, labels, IGNORE)
    total, parts = detection_loss(ours, packed, config, layout, torch.from_numpy(ANCHORS), scales[1])
    for name, part in parts.items():
        assert float(part) == pytest.approx(float(wanted[name]), rel=1e-4, abs=1e-6), name
    assert (int(parts["positives"]) > 0) == people
    expected.backward()
    total.backward()
    pairs = {"raw": (ours.grad.permute(0, 3, 1, 2), theirs.grad), "wh_scale": (scales[1].grad, scales[0].grad)}
    for name, (found, right) in pairs.items():
        right = torch.zeros_like(found) if right is None else right
        assert float((found - right).norm()) <= 1e-4 * float(right.norm()) + 1e-7, name


def test_a_single_cell_is_decoded_where_it_lies() -> None:
    """One active prediction, column 5, row 2, anchor 1 of an 8 x 8 map: the original read (H, W, A) as (A, H, W)."""
    raw = np.full((1, 8, 8, 3 * 6), -9.0, np.float32)
    raw[0, 2, 5, 6:10] = 0
    raw[0, 2, 5, 10:12] = 9
    anchors = np.array([[0.1, 0.2], [0.2, 0.4], [0.4, 0.8]], np.float32)
    layout = HeadLayout(anchors, np.ones_like(anchors), 1, False, "obj_cls", 1.0)
    read = read_raw(keras.ops.convert_to_tensor(raw), layout, keras.ops.convert_to_tensor(anchors), 1.0)
    best = int(keras.ops.argmax(read.scores[0, :, 0]))
    boxes, _ = decode(raw.transpose(0, 3, 1, 2), layout)
    for found in (keras.ops.convert_to_numpy(read.boxes)[0, best], np.asarray(boxes[0][best])):
        assert (found[:2] + found[2:]) / 2 == pytest.approx([0.6875, 0.3125], abs=1e-6)


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(UserError, match="the aligned objective takes bce or ce"):
        detection_loss(None, None, LossConfig(anchor_cls_loss="vfl"), None, None, None)
