"""Blocks of the backbones against their definitions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from uhd.models.backbones.layers import SqueezeExcite, StandardBlocks, attention, shuffle_channels
from uhd.models.layers import EffectiveSE


def test_shuffling_interleaves_the_halves() -> None:
    x = torch.arange(6.0).view(1, 6, 1, 1).expand(2, 6, 3, 4)
    assert shuffle_channels(x)[0, :, 0, 0].tolist() == [0, 3, 1, 4, 2, 5]
    assert shuffle_channels(x, 3)[1, :, 2, 3].tolist() == [0, 2, 4, 1, 3, 5]


def test_squeeze_excite_written_out() -> None:
    torch.manual_seed(0)
    layer, x = SqueezeExcite(8, "relu"), torch.randn(2, 8, 3, 5)
    mean = x.mean((2, 3))
    hidden = (mean @ layer.fc1.weight.view(2, 8).T + layer.fc1.bias).clamp(min=0)
    gate = torch.sigmoid(hidden @ layer.fc2.weight.view(8, 2).T + layer.fc2.bias)
    torch.testing.assert_close(layer(x), x * gate[:, :, None, None])


@pytest.mark.parametrize(("kind", "wanted"), [("none", nn.Identity), ("se", SqueezeExcite), ("ese", EffectiveSE)])
def test_kinds_of_attention(kind: str, wanted: type[nn.Module]) -> None:
    assert isinstance(attention(kind, 4, "swish"), wanted)


def test_batch_norm_has_torchs_own_settings_or_is_absent() -> None:
    norm = StandardBlocks("relu", True).norm(4)
    assert isinstance(norm, nn.BatchNorm2d)
    assert (norm.eps, norm.momentum) == (1e-5, 0.1)
    assert isinstance(StandardBlocks("relu", False).norm(4), nn.Identity)
