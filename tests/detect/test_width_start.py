"""A wider network starts as what the narrower one is, and its copied channels do not stay copies."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from uhd.detect.network import load_start
from uhd.errors import UserError
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.models.weights import describe, save_weights


def _file(folder: Path, width: int) -> tuple[Path, UltraTinyOD]:
    torch.manual_seed(0)
    network = UltraTinyOD(UltraTinyODConfig(cnn_width=width)).eval()
    path = folder / "narrow.safetensors"
    save_weights(path, network.state_dict(), describe(network, class_names=["person"]))
    return path, network


def _wide(width: int) -> UltraTinyOD:
    return UltraTinyOD(UltraTinyODConfig(cnn_width=width)).eval()


@pytest.mark.parametrize("width", [24, 32, 48])
def test_it_computes_the_same(width: int, tmp_path: Path) -> None:
    path, narrow = _file(tmp_path, 16)
    wide = _wide(width)
    load_start(wide, path, True, ("person",))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(wide(images), narrow(images), rtol=1e-4, atol=1e-4)


def test_copies_get_gradients_of_their_own(tmp_path: Path) -> None:
    path, _ = _file(tmp_path, 16)
    wide = _wide(32)
    load_start(wide, path, True, ("person",))
    wide.train()(torch.rand(4, 3, 64, 64)).square().mean().backward()
    gradient = wide.get_parameter("backbone.block2.pw.conv.weight").grad
    assert gradient is not None
    assert not torch.allclose(gradient[0::2], gradient[1::2], rtol=0.05)


def test_a_narrower_network_is_another_one(tmp_path: Path) -> None:
    path, _ = _file(tmp_path, 24)
    with pytest.raises(UserError, match="another network: cnn_width 24 there"):
        load_start(_wide(16), path, True, ("person",))
