"""Weights for colours start a network for luma, and the other way round: gray pictures look the same to both."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from uhd.detect.network import load_start
from uhd.models import ARCHITECTURES
from uhd.models.weights import describe, save_weights


@pytest.mark.parametrize("arch", ["ultratinyod", "cnn", "transformer"])
@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3), (3, 2), (2, 1), (2, 3)])
def test_gray_pictures_look_the_same(arch: str, before: int, after: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    networks = []
    for channels in (before, after):
        config = ARCHITECTURES[arch].config(in_channels=channels)
        networks.append(ARCHITECTURES[arch].network(config).eval())
    path = tmp_path / "model.safetensors"
    save_weights(path, networks[0].state_dict(), describe(networks[0], class_names=["person"]))
    load_start(networks[1], path, True, ("person",))
    luma = torch.rand(2, 1, 64, 64)
    # Packed YUV holds no chroma here: what filters of chroma make of gray, the other network does not know.
    gray = [
        luma.repeat(1, n, 1, 1) if n != 2 else torch.cat([luma, torch.zeros_like(luma)], 1) for n in (before, after)
    ]
    with torch.no_grad():
        found = [network(images) for network, images in zip(networks, gray, strict=True)]
    for a, b in zip(*(each.values() if isinstance(each, dict) else [each] for each in found), strict=True):
        for x, y in zip(*((each if isinstance(each, tuple) else (each,)) for each in (a, b)), strict=True):
            torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-4)
