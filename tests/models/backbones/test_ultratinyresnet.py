"""UltraTinyResNet's options: shapes, what an option adds, and the original's unused weights."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from uhd.models.backbones.layers import StandardBlocks
from uhd.models.backbones.ultratinyresnet import UltraTinyResNet

torch.set_num_threads(1)
SKIPS = (None, "add", "cat", "shuffle_cat", "s2d_cat")


def build(skip: str | None = None, pyramid: bool = False, stride: int = 8, widths: tuple[int, ...] = (4, 6, 8, 10)):
    torch.manual_seed(0)
    blocks = StandardBlocks("swish", True)
    return UltraTinyResNet(blocks, 3, widths, (1,) * len(widths), skip, pyramid, stride).eval()


@pytest.mark.parametrize(("skip", "pyramid", "stride"), list(itertools.product(SKIPS, (False, True), (8, 16, 32))))
def test_shapes(skip: str | None, pyramid: bool, stride: int) -> None:
    model = build(skip, pyramid, stride)
    assert model(torch.rand(2, 3, 64, 96)).shape == (2, 10, 64 // stride, 96 // stride)
    assert (model.channels, model.stride) == (10, stride)


def test_a_single_stage_keeps_the_size() -> None:
    assert build(widths=(4,), stride=1)(torch.rand(1, 3, 8, 8)).shape == (1, 4, 8, 8)


def test_pyramid_written_out() -> None:
    model, images = build(pyramid=True), torch.rand(1, 3, 16, 24)
    stages = [model.blocks[0](model.stem(images))]
    for i in (1, 2, 3):
        stages.append(model.blocks[i](model.downs[str(i)](stages[-1])))
    x: Tensor = stages[3]
    for i in (2, 1, 0):
        x = F.interpolate(x, scale_factor=2.0, mode="nearest") + model.fpn_laterals[i](stages[i])
    torch.testing.assert_close(model(images), x[..., ::8, ::8])


def test_added_skips_written_out() -> None:
    model, images = build("add"), torch.rand(1, 3, 16, 24)
    plain = build()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith("skip_proj")})
    x = model.blocks[0](model.stem(images))
    wanted = plain(images) + model.skip_proj[0](F.adaptive_avg_pool2d(x, (2, 3)))
    for i in (1, 2):
        x = model.blocks[i](model.downs[str(i)](x))
        wanted = wanted + model.skip_proj[i](F.adaptive_avg_pool2d(x, (2, 3)))
    torch.testing.assert_close(model(images), wanted)


@pytest.mark.parametrize("skip", SKIPS[1:])
def test_unused_weights_of_the_original_are_dropped_on_loading(skip: str) -> None:
    model = build(skip)
    state = dict(model.state_dict())
    extra = {f"skip_proj.3.{name}": torch.rand(2) for name in ("conv.weight", "bn.weight", "bn.running_mean")}
    model.load_state_dict(state | extra)
    assert set(model.state_dict()) == set(state)
    with pytest.raises(RuntimeError, match=r"skip_proj\.4"):
        model.load_state_dict(state | {"skip_proj.4.conv.weight": torch.rand(2)})


@pytest.mark.parametrize("skip", SKIPS)
def test_a_pyramid_of_the_original_starts_at_the_last_stage(skip: str | None) -> None:
    """So its skips reach nothing: what is loaded is the network without them."""
    trained, plain = build(skip, pyramid=True), build(None, pyramid=True)
    theirs = {name.replace("fpn_laterals", "fpn_convs"): value for name, value in trained.state_dict().items()}
    plain.load_state_dict(theirs)
    images = torch.rand(1, 3, 16, 24)
    stages = [trained.blocks[0](trained.stem(images))]
    for i in (1, 2, 3):
        stages.append(trained.blocks[i](trained.downs[str(i)](stages[-1])))
    x: Tensor = stages[3]
    for i in (2, 1, 0):
        x = F.interpolate(x, scale_factor=2.0, mode="nearest") + trained.fpn_laterals[i](stages[i])
    torch.testing.assert_close(plain(images), x[..., ::8, ::8], rtol=0, atol=0)
    if skip is not None:
        with pytest.raises(RuntimeError, match="skip_proj"):
            plain.load_state_dict(trained.state_dict())  # ours reach the output
