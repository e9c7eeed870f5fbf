"""Fill EfficientNet-Lite0 with its published weights of ImageNet."""

from __future__ import annotations

from pathlib import Path

from uhd.models.lite0_file import DEVIATION, MEAN, fill, read_lite0
from uhd.refer.model.backbones.efficientnet_lite import EfficientNetLite
from uhd.refer.model.backbones.pictures import fit_first


def load_imagenet(backbone: EfficientNetLite, path: Path) -> None:
    """Fill a backbone with the weights of a file; its first layer takes our pictures from then on.

    The published network pads at the right and bottom only where it has a stride, this one at both sides, so that it
    sees the picture a few pixels beside.

    Raises:
        UserError: the file cannot be read, or holds another network.
    """
    found = read_lite0(backbone, path, "norm")
    # They are given scale * picture - MEAN / DEVIATION.
    found["stem.conv.weight"], missing = fit_first(found["stem.conv.weight"], 255 / DEVIATION, -MEAN / DEVIATION)
    found["stem.norm.running_mean"] = found["stem.norm.running_mean"] - missing
    fill(backbone, found, path)
