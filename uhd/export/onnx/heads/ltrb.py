"""Heads without anchors inside a graph: the twin of :mod:`uhd.heads.ltrb`."""

from __future__ import annotations

import torch

from uhd.export.onnx.candidates import Axes, Candidates, grid_of
from uhd.export.onnx.graphs import Maps
from uhd.export.onnx.heads.graph_head import GraphHead
from uhd.heads import LtrbLayout
from uhd.models.network import DetectorNetwork


class LtrbGraph(GraphHead):
    """Distances to the sides, and the scores of the classes."""

    def candidates(self, network: DetectorNetwork, maps: Maps, axes: Axes) -> Candidates:
        """Decode; see :class:`GraphHead`."""
        reg_max = _layout(network).reg_max
        if reg_max:
            bins = torch.arange(reg_max + 1, dtype=torch.float32).view(1, 1, -1, 1)
            distance = (torch.softmax(axes.spread(maps["ltrb"], 4, reg_max + 1), 2) * bins).sum(2).unsqueeze(1)
        else:
            z = axes.spread(maps["ltrb"], 1, 4)
            # softplus from operators that quantisers and small runtimes know
            distance = torch.relu(z) + torch.log(1 + torch.exp(-torch.abs(z)))
        low, high = distance[:, :, :2], distance[:, :, 2:]
        cell, extent = axes.cells(maps["ltrb"])
        centre, size = (cell + 0.5 + (high - low) / 2) / extent, (low + high) / extent
        classes = torch.sigmoid(axes.spread(maps["cls"], 1, network.config.num_classes))
        return Candidates(centre, size, None, classes, None, grid_of(maps["ltrb"]))

    def score(self, network: DetectorNetwork) -> str:
        """Return where the score comes from."""
        del network
        return "sigmoid(cls)"

    def box_rule(self, network: DetectorNetwork) -> str:
        """Return how distances are read, and the sides they give."""
        return _layout(network).box_rule


def _layout(network: DetectorNetwork) -> LtrbLayout:
    layout = network.layout()
    assert isinstance(layout, LtrbLayout)
    return layout
