"""A backbone that starts from weights of ImageNet: what is loaded, what is frozen, how fast it learns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.detect.backbone_start import _from_half_the_pixels, backbone_rates, load_imagenet, prepare_backbone
from uhd.detect.config import DetectConfig
from uhd.errors import UserError
from uhd.models.lite0_file import lite0_names
from uhd.models.ultratinyod.build import build_ultratinyod
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.efficientnet import EfficientNetBackbone
from uhd.training.parameters import group_parameters

CONFIG = UltraTinyODConfig(cnn_width=4, output_stride=4, utod_backbone="efficientnet_lite0", num_anchors=2)


def backbone(config: UltraTinyODConfig = CONFIG) -> EfficientNetBackbone:
    found = build_ultratinyod(config).backbone
    assert isinstance(found, EfficientNetBackbone)
    return found


def published(path: Path) -> dict[str, Tensor]:
    """Write drawn weights under the names of the package."""
    own = backbone()
    state = {theirs: torch.rand_like(own.state_dict()[ours]) + 0.5 for ours, theirs in lite0_names(own).items()}
    torch.save(state | {"_fc.weight": torch.zeros(1)}, path)
    return state


def test_a_stem_of_stride_1_sees_what_one_of_stride_2_saw_on_the_enlarged_image() -> None:
    torch.manual_seed(0)
    kernel, image = torch.randn(5, 3, 3, 3), torch.rand(1, 3, 12, 12)
    enlarged = F.interpolate(image, scale_factor=2, mode="bilinear")
    # The published network pads at the right and bottom only: its taps stand at 2i, 2i + 1, 2i + 2.
    theirs = F.conv2d(F.pad(enlarged, (0, 1, 0, 1)), kernel, stride=2)
    ours = F.conv2d(image, _from_half_the_pixels(kernel), padding=1)
    torch.testing.assert_close(ours[..., 1:-1, 1:-1], theirs[..., 1:-1, 1:-1], rtol=1e-5, atol=1e-5)


def test_published_weights_reach_every_layer_and_the_image_is_normalised_by_the_stem(tmp_path: Path) -> None:
    theirs, own = published(tmp_path / "lite0.pth"), backbone()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    load_imagenet(own, tmp_path / "lite0.pth")
    changed = {name for name, value in own.state_dict().items() if not torch.equal(value, before[name])}
    expected = {n for n in before if not n.startswith(("sppf", "fine")) and not n.endswith("num_batches_tracked")}
    assert changed == expected
    torch.testing.assert_close(own.stages[4][2].narrow.conv.weight, theirs["_blocks.10._project_conv.weight"])
    own.eval()
    grey = torch.full((1, 3, 16, 16), 0.25)
    normalised = (grey * 255 - 127) / 128
    plain = F.conv2d(normalised, _from_half_the_pixels(theirs["_conv_stem.weight"]))
    expected_maps = F.relu6(
        F.batch_norm(plain, theirs["_bn0.running_mean"], theirs["_bn0.running_var"], theirs["_bn0.weight"],
                     theirs["_bn0.bias"], eps=1e-3)
    )  # fmt: skip
    torch.testing.assert_close(own.stem(grey)[..., 1:-1, 1:-1], expected_maps, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [4, 8])
def test_a_map_has_the_stride_that_was_asked_for(stride: int) -> None:
    network = backbone(dataclasses.replace(CONFIG, output_stride=stride)).eval()
    assert network(torch.rand(1, 3, 32, 48)).shape == (1, 16, 32 // stride, 48 // stride)


def test_frozen_parts_keep_weights_and_statistics_and_the_others_learn_at_their_own_rate(tmp_path: Path) -> None:
    published(tmp_path / "lite0.pth")
    network = build_ultratinyod(CONFIG)
    detect = DetectConfig(backbone_weights=tmp_path / "lite0.pth", backbone_freeze=2, backbone_lr=0.25)
    prepare_backbone(network, detect, resumed=False)
    network.train()
    own = network.backbone
    assert not own.stem.training
    assert not own.stages[0][0].spatial.bn.training
    assert own.stages[1].training
    groups = group_parameters(network, rates=backbone_rates(network, detect))
    first = own.stages[1][0].widen.conv.weight
    assert groups.rates[id(first)] == 0.25
    assert id(own.sppf.cv1.conv.weight) not in groups.rates
    assert not {id(p) for p in own.stem.parameters()} & {id(p) for p in groups.order}
    assert any(p is first for p in groups.order)


def test_a_resumed_run_keeps_its_own_weights(tmp_path: Path) -> None:
    network = build_ultratinyod(CONFIG)
    before = network.backbone.stem.conv.weight.clone()
    prepare_backbone(network, DetectConfig(backbone_weights=tmp_path / "gone.pth"), resumed=True)
    assert torch.equal(network.backbone.stem.conv.weight, before)


def test_what_does_not_fit_is_said_in_one_line(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")
    published(tmp_path / "lite0.pth")
    with pytest.raises(UserError, match=r"resnet\.pth: holds no _conv_stem\.weight.*EfficientNet-Lite0"):
        load_imagenet(backbone(), tmp_path / "resnet.pth")
    with pytest.raises(UserError, match="takes colour images"):
        load_imagenet(backbone(dataclasses.replace(CONFIG, in_channels=1)), tmp_path / "lite0.pth")
    with pytest.raises(UserError, match="--output-stride 4 or 8, not 16"):
        build_ultratinyod(dataclasses.replace(CONFIG, output_stride=16))
    plain = build_ultratinyod(UltraTinyODConfig(cnn_width=4))
    with pytest.raises(UserError, match="--backbone-freeze is for --utod-backbone"):
        prepare_backbone(plain, DetectConfig(backbone_freeze=1), resumed=False)
