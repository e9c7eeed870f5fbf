"""Colours reach the candidates from the picture's own pixels, at the places of the body."""

from __future__ import annotations

import torch

from uhd.keypoints import MEAN_POSE
from uhd.refer.model.appearance import Appearance, body_weights
from uhd.refer.model.scene import Layer

POSE = torch.tensor(MEAN_POSE) * torch.tensor([30.0, 60.0]) + torch.tensor([40.0, 40.0])


def layer() -> Layer:
    boxes = torch.tensor([[[25.0, 10.0, 55.0, 70.0]]])
    return Layer(boxes, POSE[None, None], torch.zeros(1, 1), torch.zeros(1, 1, 17))


def test_every_place_moves_with_the_body() -> None:
    weights = body_weights()
    assert torch.allclose(weights.sum(1), torch.ones(len(weights)), atol=1e-5)
    moved = weights @ (POSE + 7) - weights @ POSE
    assert torch.allclose(moved, torch.full_like(moved, 7), atol=1e-4)


def test_a_shirt_is_seen_and_the_wall_is_not() -> None:
    torch.manual_seed(0)
    look, picture = Appearance(16), torch.full((1, 3, 80, 80), 0.5)
    shirt, wall = picture.clone(), picture.clone()
    shirt[:, 0, 22:36, 35:45] = 1
    wall[:, 0, :, :8] = 1
    with torch.no_grad():
        plain, red, other = (look(each, layer()) for each in (picture, shirt, wall))
    assert (plain - red).abs().max() > 1e-2
    assert torch.equal(plain, other)
