"""The in-graph faces of :mod:`uhd.heads`, by kind: one line for each."""

from uhd.export.onnx.heads.anchor import AnchorGraph
from uhd.export.onnx.heads.centernet import CenterNetGraph
from uhd.export.onnx.heads.graph_head import Finish, GraphHead
from uhd.export.onnx.heads.ltrb import LtrbGraph
from uhd.export.onnx.heads.queries import QueryGraph

GRAPHS: dict[str, GraphHead] = {
    "anchor": AnchorGraph(),
    "centernet": CenterNetGraph(),
    "queries": QueryGraph(),
    "ltrb": LtrbGraph(),
}

__all__ = ["GRAPHS", "Finish", "GraphHead"]
