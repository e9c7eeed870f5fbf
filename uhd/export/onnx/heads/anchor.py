"""Anchor heads inside a graph: the twin of :mod:`uhd.heads.anchor`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uhd.export.onnx.candidates import Axes, Candidates, grid_of
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.graphs import Maps
from uhd.export.onnx.heads.graph_head import Finish, GraphHead
from uhd.heads import HeadLayout
from uhd.models.network import AnchorNetwork, DetectorNetwork
from uhd.models.ultratinyod import assemble_raw


class AnchorGraph(GraphHead):
    """One raw map or its branches, read with anchors."""

    boxes = (
        "cx=(sigmoid(tx)+x)/w; cy=(sigmoid(ty)+y)/h; "
        "bw=anchor_w*wh_scale_w*softplus(tw); bh=anchor_h*wh_scale_h*softplus(th)"
    )

    def candidates(self, network: DetectorNetwork, maps: Maps, axes: Axes) -> Candidates:
        """Decode; see :class:`GraphHead`."""
        layout = layout_of(network)
        return _candidates(branches(layout, maps), layout, axes)

    def score(self, network: DetectorNetwork) -> str:
        """Return the product that the score mode names."""
        layout = layout_of(network)
        quality = "sigmoid(quality)" + (f"^{layout.quality_power:g}" if layout.quality_power != 1 else "")
        formula = {"obj": "sigmoid(obj)", "quality": quality, "cls": "sigmoid(cls)"}
        return " * ".join(formula[part] for part in layout.score_mode.split("_"))

    def outputs(self, network: DetectorNetwork, form: ExportForm) -> tuple[tuple[str, ...], Finish]:
        """Return one concatenated map, or the branches."""
        layout = layout_of(network)
        if form.name == "raw":
            names = (raw_name(layout), *(["attr_logits"] if layout.num_attributes else []))
            return names, lambda maps: (_raw(maps), *([maps["attr"]] if layout.num_attributes else []))
        parts = ("box", *(name for name in ("obj", "quality", "cls") if name in _wanted(layout, form)))
        parts += ("attr",) if layout.num_attributes else ()
        return parts, lambda maps: tuple(branches(layout, maps)[name] for name in parts)

    def primitive(self, network: DetectorNetwork) -> tuple[str, ...]:
        """Return the decoded maps, the score without class among them."""
        layout = layout_of(network)
        classes = ["cls_scores"] if "cls" in layout.score_mode.split("_") else []
        return ("cx", "cy", "bw", "bh", "score", *classes, *(["attr_scores"] if layout.num_attributes else []))

    def constants(self, network: DetectorNetwork) -> dict[str, NDArray[np.float32]]:
        """Return the anchors and their factors, (A, 2) each."""
        layout = layout_of(network)
        return {"anchors": layout.anchors, "wh_scale": layout.wh_scale}

    def raw_metadata(self, outputs: tuple[str, ...]) -> dict[str, str]:
        """Return the order of the channels of the concatenated map."""
        fields = ",".join(outputs[0].split("_")[:-1])
        return {"raw_concat": "true", "raw_concat_fields": fields, "raw_concat_layout": "anchor_interleaved"}


def layout_of(network: DetectorNetwork) -> HeadLayout:
    """Return the layout of an anchor network."""
    assert isinstance(network, AnchorNetwork)
    return network.layout()


def branches(layout: HeadLayout, maps: Maps) -> Maps:
    """Return ``box`` (B, 4A, h, w) and the maps of the other branches, also of a network with one raw map."""
    if "raw" not in maps:
        return maps
    raw = maps["raw"]
    found = {name: each for name, each in maps.items() if name != "raw"}
    every = torch.arange(raw.shape[1]).view(layout.num_anchors, -1)
    return found | {name: raw[:, every[:, place].flatten()] for name, place in layout.places.items()}


def _wanted(layout: HeadLayout, form: ExportForm) -> list[str]:
    if not form.all_branches:
        return layout.score_mode.split("_")
    return [name for name in layout.fields if name != "box"]


def raw_name(layout: HeadLayout) -> str:
    """Return ``txtywh_obj_quality_cls_x8`` without the branches that the model does not have.

    It ends in ``_x8`` at every stride: programs for the original's files look for the name.
    """
    return "_".join(["txtywh", *(name for name in layout.fields if name != "box"), "x8"])


def _raw(maps: Maps) -> Tensor:
    return maps["raw"] if "raw" in maps else assemble_raw(maps)


def _candidates(maps: Maps, layout: HeadLayout, axes: Axes) -> Candidates:
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
    return Candidates(centre, size, base, classes, attributes, grid_of(maps["box"]))
