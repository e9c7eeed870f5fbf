"""What the layers of a network put out for one image, as heat maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from uhd.draw import contact_sheet
from uhd.evaluation.heatmap import overlay, reduce_channels
from uhd.lettering import put_text, text_width
from uhd.models.network import DetectorNetwork
from uhd.resize import to_network

Image = NDArray[np.uint8]
_CAPTION = 20  # pixels above each picture of a sheet
_PASSES_ON = (nn.Identity, nn.Dropout)  # puts out what came in


@torch.inference_mode()
def feature_maps(network: DetectorNetwork, images: NDArray[np.float32]) -> list[tuple[str, NDArray[np.float32]]]:
    """Return name and output (C, h, w) of every innermost layer that puts out a map, in the order in which they ran.

    Tokens (B, N, D) are laid out on the image where the network says on which maps they stand
    (:meth:`~uhd.models.network.DetectorNetwork.token_maps`): one entry per map, ``name.0``, ``name.1``, ... where there
    are several. Queries, classes and boxes have no place on the image and are left out.

    Args:
        network: in evaluation mode.
        images: (1, C, H, W) in [0, 1].
    """
    grids = network.token_maps((images.shape[2], images.shape[3]))
    found: list[tuple[str, NDArray[np.float32]]] = []

    def keep(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return
        value = output[0].float().cpu().numpy()
        if output.ndim == 4:
            found.append((name, value))
        elif output.ndim == 3 and grids and len(value) == sum(h * w for h, w in grids):
            start = 0
            for i, (h, w) in enumerate(grids):
                part = value[start : start + h * w].T.reshape(-1, h, w)
                found.append((name if len(grids) == 1 else f"{name}.{i}", part))
                start += h * w

    hooks = [
        module.register_forward_hook(partial(keep, name))
        for name, module in network.named_modules()
        if not any(True for _ in module.children()) and not isinstance(module, _PASSES_ON)
    ]
    try:
        network(torch.from_numpy(images).to(next(network.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return found


def heatmaps(
    network: DetectorNetwork, image: Image, mode: str, picture: Image, how: str = "mean"
) -> Iterator[tuple[str, Image]]:
    """Yield file name and picture (H, W, 3) of every layer: ``heatmap_<index>_<layer>.png``.

    Args:
        network: in evaluation mode.
        image: (h, w, 3) uint8 RGB at network size.
        mode: resize mode, which says what the network is fed.
        picture: (H, W, 3) uint8 RGB that the maps are laid over, usually with the detections on it.
        how: ``mean`` or ``sum`` over the channels.
    """
    for i, (name, feature) in enumerate(feature_maps(network, to_network(image[None], mode))):
        yield f"heatmap_{i:04d}_{name}.png", overlay(picture, reduce_channels(feature, how))


def heatmap_sheet(layers: Sequence[tuple[str, Image]], columns: int = 6, side: int = 200) -> Image:
    """Return all heat maps of one image on one sheet (H, W, 3), each under the name of its layer.

    Args:
        layers: file name and picture, as :func:`heatmaps` yields them.
        columns: pictures in a row.
        side: larger side of each picture in pixels.
    """
    tiles = []
    for name, picture in layers:
        height, width = (max(1, round(edge * side / max(picture.shape[:2]))) for edge in picture.shape[:2])
        tile = np.full((height + _CAPTION, max(width, side), 3), 32, np.uint8)
        tile[_CAPTION:, :width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        text = name.removeprefix("heatmap_").removesuffix(".png")
        size = next((size for size in (13, 11, 10, 9) if text_width(text, size) <= side), 8)
        while text_width(text, size) > max(width, side):
            text = f"...{text[4:]}"
        put_text(tile, text, 2, 3, size, (255, 255, 255))
        tiles.append(tile)
    return contact_sheet(tiles, columns)
