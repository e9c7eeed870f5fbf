"""The network: gradients everywhere, padding that never leaks, answers that follow the evidence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.refer.small import SMALL, WORDS, small_network
from uhd.refer.loss_config import ReferLossConfig
from uhd.refer.losses import refer_loss
from uhd.refer.model.config import BACKBONE_NAMES, TEXT_ENCODER_NAMES, TRANSFORMER_NAMES, ReferModelConfig
from uhd.refer.model.network import ReferNetwork
from uhd.refer.model.parts import BACKBONES, TEXT_ENCODERS, TRANSFORMERS
from uhd.refer.model.places import KINDS
from uhd.refer.model.valid import Valid
from uhd.refer.prompt_batches import PromptBatch
from uhd.refer.targets import ReferTargets


def batch(kind: str, prompts: np.ndarray) -> PromptBatch:
    """Return two pictures: two people in the one, one in the other."""
    boxes = np.array([[[0.1, 0.1, 0.4, 0.9], [0.5, 0.2, 0.9, 0.8]], [[0.2, 0.1, 0.7, 0.9], [0, 0, 0, 0]]], np.float32)
    keypoints = np.full((2, 2, 17, 3), 0.4, np.float32)
    keypoints[..., 2] = np.arange(17) % 3
    masks = np.zeros((2, 2, 32, 32), bool)
    masks[:, :, 8:20, 5:12] = True
    masks[1, 1] = False
    ignore = np.zeros((2, 1, 4), np.float32)
    images, who = np.zeros((2, 64, 64, 3), np.uint8), np.array([[0, 1], [0, -1]])
    return PromptBatch(images, boxes, np.array([[0, 0], [0, -1]]), ignore, keypoints, masks, kind, prompts, who)


def prompts_of(kind: str) -> np.ndarray:
    if kind == "text":
        return np.array([[[2, 3, 4], [2, 5, 0]]] * 2)
    if kind == "box":
        return np.array([[[[4, 4], [30, 60]], [[30, 10], [60, 50]]]] * 2, np.float32)
    points = {"point": 1, "scribble": 12}[kind]
    return np.random.default_rng(0).uniform(5, 60, (2, 2, points, 2)).astype(np.float32)


def test_every_name_has_a_part() -> None:
    assert tuple(BACKBONES) == BACKBONE_NAMES
    assert tuple(TEXT_ENCODERS) == TEXT_ENCODER_NAMES
    assert tuple(TRANSFORMERS) == TRANSFORMER_NAMES


def test_parameters_stay_below_one_million() -> None:
    network = ReferNetwork(ReferModelConfig(), WORDS)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert 700_000 < count < 1_000_000


@pytest.mark.parametrize("kind", ["text", *KINDS])
def test_every_parameter_has_a_finite_gradient(kind: str) -> None:
    network = small_network().train()
    given = batch(kind, prompts_of(kind))
    targets = ReferTargets.of(given)
    images = torch.rand(2, 3, 64, 64)
    scene, scores = network(images, torch.from_numpy(given.prompts), kind)
    total, parts = refer_loss(scene, scores, torch.from_numpy(given.who), targets, ReferLossConfig())
    total.backward()
    assert all(torch.isfinite(part) for part in parts.values())
    missing = [n for n, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert missing == []
    idle = ("places.",) if kind == "text" else ("text.",)
    still = [n for n, p in network.named_parameters() if not p.grad.any() and not n.startswith(idle)]
    assert still == []


def test_a_batch_without_masks_teaches_everything_else() -> None:
    network = small_network().train()
    given = batch("box", prompts_of("box"))
    targets = ReferTargets.of(dataclasses.replace(given, masks=np.zeros_like(given.masks)))
    scene, scores = network(torch.rand(2, 3, 64, 64), torch.from_numpy(given.prompts), "box")
    total, parts = refer_loss(scene, scores, torch.from_numpy(given.who), targets, ReferLossConfig())
    total.backward()
    assert parts["mask"] == parts["dice"] == 0
    missing = [n for n, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert missing == []


@pytest.mark.parametrize("size", [(64, 96), (52, 44)])
def test_padding_never_leaks(size: tuple[int, int]) -> None:
    network = small_network()
    height, width = size
    picture = torch.rand(1, 3, height, width)
    words = torch.tensor([[[2, 3, 4, 6]]])
    padded = torch.rand(2, 3, 128, 160)  # what lies beyond is no zeros either
    padded[0, :, :height, :width] = picture[0]
    padded[1] = torch.rand(3, 128, 160)
    extents = torch.tensor([[width, height], [160, 128]])
    with torch.no_grad():
        alone, own = network(picture, words, "text", Valid(extents[:1], size))
        both, scores = network(padded, words.expand(2, -1, -1), "text", Valid(extents, (128, 160)))
    for a, b in ((alone.last.boxes, both.last.boxes), (alone.last.keypoints, both.last.keypoints), (own, scores)):
        assert torch.allclose(a[0], b[0], atol=1e-3), (a[0] - b[0]).abs().max()


def test_moving_the_evidence_moves_the_answer() -> None:
    network = small_network()
    picture = torch.full((1, 3, 64, 64), 0.2)
    picture[:, :, 16:40, 8:20] = 0.9
    moved = picture.roll(32, 3)
    with torch.no_grad():
        scenes = [network.look(each) for each in (picture, moved)]
    keypoints = [scene.last.keypoints for scene in scenes]
    assert (keypoints[0] - keypoints[1]).abs().max() > 4


def test_a_decoder_reads_the_map_at_its_own_place() -> None:
    """HuMAR's light decoders saw one mean of the picture: with places exchanged they answered the same."""
    network = small_network()
    layer = network.transformer.decoder[0]
    maps = [torch.rand(1, c, s, s) for c, s in ((4, 16), (32, 8), (32, 4))]
    before = network.look(torch.rand(1, 3, 64, 64)).layers[0]
    nodes = torch.rand(1, 5, 18, 32)
    with torch.no_grad():
        here = layer(nodes, before, maps, (64, 64))[0]
        there = layer(nodes, before, [each.flip(3) for each in maps], (64, 64))[0]
    assert (here - there).abs().max() > 1e-3


def test_words_in_another_order_are_another_text() -> None:
    network = small_network()
    a, b = torch.tensor([[[2, 3, 7, 4]]]), torch.tensor([[[2, 7, 3, 4]]])
    states: list[Tensor] = [network.read(each)[0].mean(2) for each in (a, b)]
    assert (states[0] - states[1]).abs().max() > 1e-4
    longer = torch.cat([a, torch.zeros(1, 1, 3, dtype=torch.int64)], -1)
    assert torch.allclose(network.read(a)[0], network.read(longer)[0][:, :, :4], atol=1e-6)


def test_prompts_of_one_picture_do_not_know_each_other() -> None:
    network = small_network()
    picture = torch.rand(1, 3, 64, 64)
    words = torch.tensor([[[2, 3, 4], [2, 5, 6]]])
    with torch.no_grad():
        both = network(picture, words)[1]
        each = [network(picture, words[:, i : i + 1])[1] for i in (0, 1)]
    assert torch.allclose(both, torch.cat(each, 1), atol=1e-5)


def test_config_is_kept() -> None:
    assert small_network().config == SMALL
