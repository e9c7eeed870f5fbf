"""Fill EfficientNet-Lite0 with its published weights of ImageNet."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from uhd.errors import UserError
from uhd.models.lite0_file import DEVIATION, MEAN, fill, read_lite0
from uhd.refer.model.backbones.efficientnet_lite import EfficientNetLite

_LESS, _TIMES = 2.0, 4.0  # a backbone sees 4 * picture - 2, pictures from 0 to 1


def load_imagenet(backbone: nn.Module, path: Path) -> None:
    """Fill a backbone with the weights of a file; its first layer takes our pictures from then on.

    The published network pads at the right and bottom only where it has a stride, this one at both sides, so that it
    sees the picture a few pixels beside.

    Raises:
        UserError: no such weights are known of this backbone, the file cannot be read, or it holds another network.
    """
    if not isinstance(backbone, EfficientNetLite):
        raise UserError("--backbone-weights is for --backbone efficientnet_lite0; the others start at random")
    found = read_lite0(backbone, path, "norm")
    stem = found["stem.conv.weight"]
    scale = 255 / DEVIATION
    # What they are given is scale * picture - MEAN / DEVIATION, so a constant is missing in what ours computes.
    missing = scale * _LESS / _TIMES - MEAN / DEVIATION
    found["stem.norm.running_mean"] = found["stem.norm.running_mean"] - stem.sum((1, 2, 3)) * missing
    found["stem.conv.weight"] = stem * (scale / _TIMES)
    fill(backbone, found, path)
