"""CenterNet heads inside a graph: the twin of :mod:`uhd.heads.centernet`."""

from __future__ import annotations

import torch.nn.functional as F

from uhd.export.onnx.candidates import Axes, Candidates, grid_of
from uhd.export.onnx.graphs import Maps
from uhd.export.onnx.heads.graph_head import GraphHead
from uhd.heads import CenterNetLayout
from uhd.models.network import DetectorNetwork


class CenterNetGraph(GraphHead):
    """Heat map, offset and size."""

    boxes = "cx=(x+off_x)/w; cy=(y+off_y)/h; bw=wh_w/w; bh=wh_h/h"

    def candidates(self, network: DetectorNetwork, maps: Maps, axes: Axes) -> Candidates:
        """Decode; see :class:`GraphHead`."""
        heat = maps["hm"]
        if _layout(network).peaks:
            heat = heat * (heat >= F.max_pool2d(heat, 3, 1, 1)).to(heat.dtype)
        cell, extent = axes.cells(heat)
        centre = (axes.spread(maps["off"], 1, 2) + cell) / extent
        size = axes.spread(maps["wh"], 1, 2) / extent
        classes = axes.spread(heat, 1, network.config.num_classes)
        return Candidates(centre, size, None, classes, None, grid_of(heat))

    def score(self, network: DetectorNetwork) -> str:
        """Return what the heat map says, and where."""
        return "hm where no neighbour of the 3x3 is higher" if _layout(network).peaks else "hm"

    def most_rows(self, network: DetectorNetwork, topk: int) -> int:
        """Return no more than the decoder keeps."""
        return min(topk, _layout(network).topk)


def _layout(network: DetectorNetwork) -> CenterNetLayout:
    layout = network.layout()
    assert isinstance(layout, CenterNetLayout)
    return layout
