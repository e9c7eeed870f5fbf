"""Queries inside a graph: the twin of :mod:`uhd.heads.queries`."""

from __future__ import annotations

import torch

from uhd.export.onnx.candidates import Axes, Candidates
from uhd.export.onnx.graphs import Maps
from uhd.export.onnx.heads.graph_head import GraphHead
from uhd.models.network import DetectorNetwork


class QueryGraph(GraphHead):
    """Logits and boxes, queries first."""

    boxes = "boxes are cx,cy,w,h"
    images_axis = 1
    any_size = False
    on_grid = False

    def candidates(self, network: DetectorNetwork, maps: Maps, axes: Axes) -> Candidates:
        """Decode; queries take the place of anchors here, on a single cell."""
        del network, axes
        scores = torch.softmax(maps["logits"], -1)[..., :-1].transpose(0, 1).unsqueeze(-1)
        boxes = maps["boxes"].transpose(0, 1).unsqueeze(-1)
        return Candidates(boxes[:, :, :2], boxes[:, :, 2:], None, scores, None, (1, 1))

    def score(self, network: DetectorNetwork) -> str:
        """Return where the score comes from."""
        del network
        return "softmax(logits) of the class"
