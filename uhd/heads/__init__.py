"""One file per kind of head: how its raw maps are laid out, and the one NumPy decoder that reads them.

A kind is known by one key in every room, and each room has one dict of its faces, so that a new head is one file and
one line for each face that it has:

* here, :data:`HEADS`: the layout and the decoder in NumPy, which every runtime uses;
* :data:`uhd.losses.OBJECTIVES`: what trains it;
* :data:`uhd.losses.distillation.dense.READERS`: its predictions with gradient, where a teacher of another grid teaches;
* :data:`uhd.export.onnx.heads.GRAPHS`: the same decoder inside a graph, and the outputs of every form;
* :data:`uhd.export.c.open_model.DECODERS`: the same decoder as C;
* :data:`uhd.losses.distillation.terms.TERMS`: what is learnt from a teacher with the same head.

``tests/heads/test_faces.py`` holds all faces of all heads equal, and trains, exports and decodes a head that is added.
"""

from uhd.heads.anchor import (
    BOX,
    SCORE_MODES,
    HeadLayout,
    decode,
    one_class_each,
    resolve_score_mode,
    select,
    sigmoid,
    softplus,
)
from uhd.heads.centernet import CenterNetLayout
from uhd.heads.layout import Layout
from uhd.heads.ltrb import LtrbLayout
from uhd.heads.queries import QueryLayout

HEADS: dict[str, type[Layout]] = {each.kind: each for each in (HeadLayout, CenterNetLayout, QueryLayout, LtrbLayout)}

__all__ = [
    "BOX",
    "HEADS",
    "SCORE_MODES",
    "CenterNetLayout",
    "HeadLayout",
    "Layout",
    "LtrbLayout",
    "QueryLayout",
    "decode",
    "one_class_each",
    "resolve_score_mode",
    "select",
    "sigmoid",
    "softplus",
]
