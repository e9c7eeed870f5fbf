"""The in-graph twins of :mod:`uhd.heads`: maps to boxes and scores, with operators that every runtime has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.export.onnx.graphs import Maps
from uhd.heads import HeadLayout
from uhd.models.cnn.network import CenterNetCNN
from uhd.models.decode import cell_grid
from uhd.models.network import AnchorNetwork, DetectorNetwork


class Candidates(NamedTuple):
    """Everything a network proposes, on A maps of h x w cells.

    Attributes:
        centre, size: (B, A, 2, h * w) normalised to the image, x and width first.
        base: (B, A, h * w) score of a box whatever its class, or None where that is 1.
        classes: (B, A, C, h * w) factor of every class, or None where that is 1.
        attributes: (B, A, M, h * w) factor of every attribute, or None.
        grid: (h, w).
    """

    centre: Tensor
    size: Tensor
    base: Tensor | None
    classes: Tensor | None
    attributes: Tensor | None
    grid: tuple[int, int]


@dataclass(frozen=True)
class Axes:
    """Which axes of the maps are known when the graph is written.

    Attributes:
        batch: images per run, or None for any number.
        dynamic: height and width are free.
    """

    batch: int | None
    dynamic: bool

    def spread(self, x: Tensor, *middle: int) -> Tensor:
        """Reshape (B, ..., h, w) to (B, *middle, h * w)."""
        h, w = x.shape[-2:]
        if not self.dynamic:
            return x.reshape(self.batch or -1, *middle, h * w)
        return x.reshape(self.batch or x.shape[0], *middle, -1)

    def cells(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return column and row of every cell (1, 1, 2, h * w), and how many there are of each (1, 1, 2, 1)."""
        h, w = x.shape[-2:]
        if not self.dynamic:
            extent = torch.tensor([w, h], dtype=torch.float32)
            return cell_grid(h, w).view(1, 1, 2, h * w), extent.view(1, 1, 2, 1)
        # While a graph is traced these sizes are tensors of it.
        rows, columns = (torch.as_tensor(each).to(torch.float32) for each in (h, w))
        index = torch.arange(torch.as_tensor(h * w)).to(torch.float32)  # type: ignore[call-overload]
        row = torch.floor(index / columns)
        return torch.stack([index - row * columns, row]).view(1, 1, 2, -1), torch.stack([columns, rows]).view(
            1, 1, 2, 1
        )


def candidates(network: DetectorNetwork, maps: Maps, axes: Axes) -> Candidates:
    """Decode the maps of a network of any kind."""
    if isinstance(network, AnchorNetwork):
        return _anchor(branches(network, maps), network.layout(), axes)
    if network.kind == "centernet":
        return _centernet(network, maps, axes)
    return _queries(maps)


def branches(network: AnchorNetwork, maps: Maps) -> Maps:
    """Return ``box`` (B, 4A, h, w) and the maps of the other branches, also of a network with one raw map."""
    if "raw" not in maps:
        return maps
    layout, raw = network.layout(), maps["raw"]
    starts = {"box": 0, "obj": 4, "quality": 5, "cls": 5 + layout.has_quality, "end": layout.channels_per_anchor}
    if not layout.has_quality:
        del starts["quality"]
    found = {name: each for name, each in maps.items() if name != "raw"}
    for (name, start), end in zip(starts.items(), [*starts.values()][1:], strict=False):
        channels = [a * layout.channels_per_anchor + j for a in range(layout.num_anchors) for j in range(start, end)]
        if channels:
            found[name] = raw[:, torch.tensor(channels)]
    return found


def _anchor(maps: Maps, layout: HeadLayout, axes: Axes) -> Candidates:
    count, needed = layout.num_anchors, layout.score_mode.split("_")
    t = axes.spread(maps["box"], count, 4)
    cell, extent = axes.cells(maps["box"])
    centre = (torch.sigmoid(t[:, :, :2]) + cell) / extent
    prior = torch.from_numpy(layout.anchors * layout.wh_scale).view(1, count, 2, 1)
    z = t[:, :, 2:]
    # softplus from operators that quantisers and small runtimes know
    size = prior * (torch.relu(z) + torch.log(1 + torch.exp(-torch.abs(z))))
    base: Tensor | None = None
    if "quality" in needed:
        base = torch.sigmoid(axes.spread(maps["quality"], count))
        base = base if layout.quality_power == 1 else base**layout.quality_power
    if "obj" in needed:
        objectness = torch.sigmoid(axes.spread(maps["obj"], count))
        base = objectness if base is None else base * objectness
    # A score without the class is the same for every class, so the first one is the best.
    classes = torch.sigmoid(axes.spread(maps["cls"], count, layout.num_classes)) if "cls" in needed else None
    attributes = None
    if layout.num_attributes:
        attributes = torch.sigmoid(axes.spread(maps["attr"], count, layout.num_attributes))
    return Candidates(centre, size, base, classes, attributes, _grid(maps["box"]))


def _centernet(network: DetectorNetwork, maps: Maps, axes: Axes) -> Candidates:
    assert isinstance(network, CenterNetCNN)
    heat = maps["hm"]
    if network.config.heatmap_peaks:
        heat = heat * (heat >= F.max_pool2d(heat, 3, 1, 1)).to(heat.dtype)
    cell, extent = axes.cells(heat)
    centre = (axes.spread(maps["off"], 1, 2) + cell) / extent
    size = axes.spread(maps["wh"], 1, 2) / extent
    classes = axes.spread(heat, 1, network.config.num_classes)
    return Candidates(centre, size, None, classes, None, _grid(heat))


def _queries(maps: Maps) -> Candidates:
    # Queries come first in the maps and take the place of anchors here, on a single cell.
    scores = torch.softmax(maps["logits"], -1)[..., :-1].transpose(0, 1).unsqueeze(-1)
    boxes = maps["boxes"].transpose(0, 1).unsqueeze(-1)
    return Candidates(boxes[:, :, :2], boxes[:, :, 2:], None, scores, None, (1, 1))


def _grid(x: Tensor) -> tuple[int, int]:
    h, w = x.shape[-2:]
    return h, w
