"""What a loss reads of the raw map is what plain indexing reads, and its gradient goes back there."""

from __future__ import annotations

import pytest
import torch

from uhd.assigners.targets import Targets
from uhd.assigners.task_aligned import TaskAlignedAssigner
from uhd.losses.head import AnchorHead
from uhd.models.decode import cell_grid, decode_all, decode_boxes, split_raw

ANCHORS = torch.tensor([[0.1, 0.2], [0.3, 0.5], [0.6, 0.9]])


@pytest.fixture
def scene() -> tuple[AnchorHead, torch.Tensor, Targets]:
    """Return a head, its raw map (2, 3 * 8, 4, 5) and three people, two of them in the same place."""
    head = AnchorHead(ANCHORS, 2, True, "quality", 1.0)
    raw = torch.randn(2, len(ANCHORS) * 8, 4, 5, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[[0.1, 0.1, 0.5, 0.9], [0.1, 0.1, 0.5, 0.9]], [[0.4, 0.2, 0.7, 0.6], [0.0, 0.0, 0.0, 0.0]]])
    return head, raw, Targets(boxes, torch.tensor([[0, 1], [1, -1]]), torch.zeros(2, 0, 4))


def test_all_boxes_are_those_of_their_cells(scene: tuple[AnchorHead, torch.Tensor, Targets]) -> None:
    _, raw, _ = scene
    boxes, fields = decode_all(raw, ANCHORS), split_raw(raw, len(ANCHORS))
    for anchor in range(len(ANCHORS)):
        for cell in range(20):
            one = decode_boxes(fields[:, anchor, :4, cell], cell_grid(4, 5).T[cell], ANCHORS[anchor], (4, 5))
            torch.testing.assert_close(boxes[:, anchor * 20 + cell], one)
    assert boxes.movedim(-1, 0).is_contiguous()


def test_claims_read_and_teach_the_prediction_they_name(scene: tuple[AnchorHead, torch.Tensor, Targets]) -> None:
    head, raw, targets = scene
    raw.requires_grad_()
    predictions, grid = head.predict(raw, ANCHORS)
    assigned = TaskAlignedAssigner()(predictions, targets, grid)
    claimed = head.claimed(raw, ANCHORS, assigned, targets)
    index = assigned.prediction.flatten()
    torch.testing.assert_close(claimed.boxes, predictions.boxes.flatten(0, 1)[index])
    torch.testing.assert_close(claimed.class_logits, head.class_logits(raw).flatten(0, 1)[index])

    share = torch.rand(claimed.class_logits.shape, generator=torch.Generator().manual_seed(1))
    (ours,) = torch.autograd.grad((claimed.class_logits * share).sum(), raw)
    image, anchor, cell = index // 60, index // 20 % 3, index % 20
    plain = split_raw(raw, 3)[image, anchor, :, cell][:, 6:]
    (wanted,) = torch.autograd.grad((plain * share).sum(), raw)
    torch.testing.assert_close(ours, wanted)
    assert ours.abs().sum() > 0


def test_branches_are_the_channels_after_the_box(scene: tuple[AnchorHead, torch.Tensor, Targets]) -> None:
    head, raw, _ = scene
    fields = split_raw(raw, 3)
    objectness, quality = head.branch_logits(raw)
    assert quality is not None
    assert torch.equal(objectness, fields[:, :, 4].flatten(1))
    assert torch.equal(quality, fields[:, :, 5].flatten(1))
