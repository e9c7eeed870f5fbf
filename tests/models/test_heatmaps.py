"""Every layer of every architecture gives a map, in the order in which the layers run, and where things are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from uhd.models import create_model
from uhd.models.heatmaps import feature_maps, heatmaps
from uhd.models.network import DetectorNetwork

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "anchor": ("ultratinyod", {"cnn_width": 4, "num_anchors": 2}),
    "centernet": ("cnn", {"cnn_width": 4}),
    "cnn with anchors": ("cnn", {"cnn_width": 4, "use_anchor": True}),
    "queries": ("transformer", {"d_model": 8, "heads": 2, "layers": 1}),
    "queries with a pyramid": ("transformer", {"d_model": 8, "heads": 2, "layers": 1, "use_fpn": True}),
}


def network(case: str) -> DetectorNetwork:
    torch.manual_seed(0)
    name, config = NETWORKS[case]
    return create_model(name, **config).eval()


@pytest.mark.parametrize("case", NETWORKS)
def test_every_layer_of_every_architecture(case: str) -> None:
    torch.set_num_threads(1)
    model = network(case)
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    picture = np.full((96, 128, 3), 128, np.uint8)
    found = list(heatmaps(model, image, "opencv_inter_nearest", picture))
    convolutions = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
    drawn = [name.removesuffix(".png").split("_", 2)[2] for name, _ in found]
    assert set(convolutions) <= set(drawn)
    assert [name.split("_")[1] for name, _ in found] == [f"{i:04d}" for i in range(len(found))]
    assert len({name for name, _ in found}) == len(found)
    for name, each in found:
        assert each.shape == picture.shape, name
        assert each.dtype == np.uint8
    assert sum(not np.array_equal(each, found[0][1]) for _, each in found) > len(found) // 2
    assert all(not module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(("case", "grids"), [
    ("queries", [(24, 32)]), ("queries with a pyramid", [(24, 32), (24, 32), (12, 16), (6, 8)]),
])  # fmt: skip
def test_tokens_are_laid_out_on_the_image(case: str, grids: list[tuple[int, int]]) -> None:
    model = network(case)
    maps = feature_maps(model, np.random.default_rng(0).random((1, 3, 48, 64), np.float32))
    encoder = [feature.shape[1:] for name, feature in maps if name.startswith("encoder.layers.0.norm2")]
    assert encoder == grids
    assert not [name for name, _ in maps if name.startswith("decoder") or name == "box_head"]


def test_a_token_stands_where_its_cell_is() -> None:
    class Tokens(DetectorNetwork):
        def __init__(self) -> None:
            super().__init__()
            self.same, self.scale = nn.Conv2d(3, 3, 1), nn.LayerNorm(3, elementwise_affine=False)
            nn.init.dirac_(self.same.weight)
            nn.init.zeros_(self.same.bias)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.scale(self.same(images).flatten(2).transpose(1, 2))

        def token_maps(self, size: tuple[int, int]) -> list[tuple[int, int]]:
            return [size]

    image = np.zeros((1, 3, 5, 7), np.float32)
    image[0, 0, 3, 2] = 1
    (_, plain), (name, tokens) = feature_maps(Tokens(), image)
    assert name == "scale"
    for feature in (plain, tokens):
        assert np.argwhere(np.abs(feature).sum(0) > 0).tolist() == [[3, 2]]


def test_hooks_are_gone_after_a_failure() -> None:
    model = network("anchor")
    with pytest.raises(RuntimeError):
        feature_maps(model, np.zeros((1, 5, 48, 64), np.float32))
    assert all(not module._forward_hooks for module in model.modules())
