"""Start the backbone of a run from weights of ImageNet, and let it learn more slowly than what is new.

The weights (:mod:`uhd.models.lite0_file`) have a first convolution of stride 2, on normalised RGB. Here images are 0 to
1 and that convolution has stride 1 on half as many pixels, so it is given the kernel that computes from them what its
own computes from the image enlarged twice.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from uhd.detect.config import DetectConfig
from uhd.errors import UserError
from uhd.models.lite0_file import DEVIATION, MEAN, fill, read_lite0
from uhd.models.network import DetectorNetwork
from uhd.models.ultratinyod.efficientnet import EfficientNetBackbone

# Where the pixels that a tap of the enlarged image is made of stand, and how much of each (bilinear, twice the size).
_ENLARGED = ((0.25, 0.75, 0.0), (0.0, 0.75, 0.25), (0.0, 0.25, 0.75))


def prepare_backbone(network: DetectorNetwork, detect: DetectConfig, resumed: bool) -> None:
    """Load ``--backbone-weights``, unless the run goes on with its own, and freeze ``--backbone-freeze`` parts.

    Raises:
        UserError: the network has no such backbone, or the weights are of another one.
    """
    backbone = getattr(network, "backbone", None)
    if not isinstance(backbone, EfficientNetBackbone):
        given = {"--backbone-weights": detect.backbone_weights, "--backbone-freeze": detect.backbone_freeze}
        for flag, value in given.items():
            if value:
                raise UserError(f"{flag} is for --utod-backbone efficientnet_lite0, which this network does not have")
        return
    if detect.backbone_weights is not None and not resumed:
        load_imagenet(backbone, detect.backbone_weights)
    if detect.backbone_freeze:
        backbone.freeze(detect.backbone_freeze)


def backbone_rates(network: DetectorNetwork, detect: DetectConfig | None) -> dict[nn.Module, float]:
    """Return the factor on the learning rate of a backbone, by its module; none where it learns as the rest does."""
    backbone = getattr(network, "backbone", None)
    if detect is None or detect.backbone_lr == 1 or not isinstance(backbone, nn.Module):
        return {}
    parts = backbone.parts() if isinstance(backbone, EfficientNetBackbone) else [backbone]
    return dict.fromkeys(parts, detect.backbone_lr)


def load_imagenet(backbone: EfficientNetBackbone, path: Path) -> None:
    """Fill the stem and the stages of a backbone with published weights.

    Raises:
        UserError: the file cannot be read, or holds another network.
    """
    found = read_lite0(backbone, path)
    stem = found["stem.conv.weight"]
    if backbone.stem.conv.in_channels != stem.shape[1]:
        raise UserError(f"{path}: takes colour images; leave out --backbone-weights or use a --resize-mode in colour")
    found["stem.bn.running_mean"] = found["stem.bn.running_mean"] + stem.sum((1, 2, 3)) * (MEAN / DEVIATION)
    found["stem.conv.weight"] = _from_half_the_pixels(stem) * (255 / DEVIATION)
    fill(backbone, found, path)


def _from_half_the_pixels(kernel: Tensor) -> Tensor:
    """Return the 3x3 kernel of stride 1 that equals one of stride 2 on the image enlarged twice, away from edges."""
    taps = torch.tensor(_ENLARGED, dtype=kernel.dtype)
    return torch.einsum("oiyx,ya,xb->oiab", kernel, taps, taps)
