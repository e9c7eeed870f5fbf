"""C that turns the output map into boxes and scores, one way for each kind of head: the twin of :mod:`uhd.heads`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from uhd.errors import UserError
from uhd.export.c.head import Field, contiguous_of, fields_of
from uhd.export.c.network import Network
from uhd.export.c.source import number, table
from uhd.heads import HeadLayout

_ANCHOR = """
/* One prediction as x1, y1, x2, y2, in shares of the image. */
static void decode_box(const float *p, int a, int y, int x, float *box)
{
    const float cx = (sigmoid(p[@tx@]) + (float)x) / @GW@.0f;
    const float cy = (sigmoid(p[@ty@]) + (float)y) / @GH@.0f;
    const float w = half_size[2 * a] * softplus(p[@tw@]), h = half_size[2 * a + 1] * softplus(p[@th@]);
    box[0] = cx - w;
    box[1] = cy - h;
    box[2] = cx + w;
    box[3] = cy + h;
}

/* What the scores of all classes have in common. */
static float decode_base(const float *p, int a)
{
    (void)p;
    (void)a;
    return @BASE@;
}

/* The factor of a class. */
static float decode_class(const float *p, int a, int y, int x, int k)
{
    (void)p;
    (void)a;
    (void)y;
    (void)x;
    (void)k;
@CLASS@
}
"""
_CENTERNET = """
/* One prediction as x1, y1, x2, y2, in shares of the image. */
static void decode_box(const float *p, int a, int y, int x, float *box)
{
    const float cx = ((float)x + p[@off@]) / @GW@.0f, cy = ((float)y + p[@off@ + 1]) / @GH@.0f;
    const float w = p[@wh@] / @GW@.0f / 2.0f, h = p[@wh@ + 1] / @GH@.0f / 2.0f;
    (void)a;
    box[0] = cx - w;
    box[1] = cy - h;
    box[2] = cx + w;
    box[3] = cy + h;
}

static float decode_base(const float *p, int a)
{
    (void)p;
    (void)a;
    return 1.0f;
}

/* The heat of a class@PEAK@. */
static float decode_class(const float *p, int a, int y, int x, int k)
{
    const float heat = p[@hm@ + k];
    (void)a;
@NEIGHBOURS@
    return heat;
}
"""
_NEIGHBOURS = """    {
        int i, j;
        for (i = y > 0 ? -1 : 0; i <= (y < @GH@ - 1); i++)
            for (j = x > 0 ? -1 : 0; j <= (x < @GW@ - 1); j++)
                if (p[(i * @GW@ + j) * @CHANNELS@ + @hm@ + k] > heat)
                    return 0.0f;
    }"""

_LTRB = """
/* One prediction as x1, y1, x2, y2, in shares of the image. */
static void decode_box(const float *p, int a, int y, int x, float *box)
{
    (void)a;
    box[0] = ((float)x + 0.5f - distance(p, 0)) / @GW@.0f;
    box[1] = ((float)y + 0.5f - distance(p, 1)) / @GH@.0f;
    box[2] = ((float)x + 0.5f + distance(p, 2)) / @GW@.0f;
    box[3] = ((float)y + 0.5f + distance(p, 3)) / @GH@.0f;
}

static float decode_base(const float *p, int a)
{
    (void)p;
    (void)a;
    return 1.0f;
}

/* The score of a class. */
static float decode_class(const float *p, int a, int y, int x, int k)
{
    (void)a;
    (void)y;
    (void)x;
    return sigmoid(p[@cls@ + k]);
}
"""
_PLAIN_DISTANCE = """
/* From the centre of the cell to a side of the box, in cells. */
static float distance(const float *p, int side)
{
    return softplus(p[@ltrb@ + side]);
}
"""
_MEAN_DISTANCE = """
/* From the centre of the cell to a side of the box, in cells: the mean of a distribution over 0 to @MAX@. */
static float distance(const float *p, int side)
{
    const float *z = p + @ltrb@ + @BINS@ * side;
    float top = z[0], sum = 0.0f, mean = 0.0f;
    int i;
    for (i = 1; i < @BINS@; i++)
        if (z[i] > top)
            top = z[i];
    for (i = 0; i < @BINS@; i++) {
        const float e = exponential(z[i] - top);
        sum += e;
        mean += e * (float)i;
    }
    return mean / sum;
}
"""


class Decoder(Protocol):
    """How the output map of a network is read.

    Attributes:
        classes: columns of the score table.
        anchors: predictions in a cell.
        every_class: whether each class of a prediction is a detection of its own, not only the best one.
        first_only: whether all classes tie, so that the first one is the best.
        topk: most detections before duplicates are left out; 0 for all.
    """

    @property
    def classes(self) -> int: ...
    @property
    def anchors(self) -> int: ...
    @property
    def every_class(self) -> bool: ...
    @property
    def first_only(self) -> bool: ...
    @property
    def topk(self) -> int: ...

    def functions(self, network: Network, marks: dict[str, object]) -> str:
        """Return the C functions ``decode_box``, ``decode_base`` and ``decode_class``.

        Raises:
            UserError: an output that the score needs is missing.
        """


@dataclass(frozen=True)
class AnchorDecoder:
    """A map read with anchors."""

    layout: HeadLayout
    topk: int = 0

    @property
    def classes(self) -> int:
        """Columns of the score table."""
        return self.layout.classes

    @property
    def anchors(self) -> int:
        """Predictions in a cell."""
        return self.layout.num_anchors

    @property
    def every_class(self) -> bool:
        """Whether each class is a detection of its own."""
        return self.layout.multi_label and self.classes > 1

    @property
    def first_only(self) -> bool:
        """Whether all classes tie."""
        return not self._by_class and not self.layout.num_attributes

    @property
    def _by_class(self) -> bool:
        return "cls" in self.layout.score_mode.split("_")

    def functions(self, network: Network, marks: dict[str, object]) -> str:
        """Return the C functions; see :class:`Decoder`."""
        fields = fields_of(network, self.layout)
        text = _ANCHOR.replace("@BASE@", _base(self.layout, fields)).replace("@CLASS@", self._class())
        for name, field in fields.items():
            text = text.replace(f"@{name}@", _place(field))
        half = (self.layout.anchors * self.layout.wh_scale / 2).astype(np.float32)
        return f"\n{table('half_size', half)}{_filled(text, marks)}"

    def _class(self) -> str:
        objects = max(1, self.layout.num_classes)
        lines = ["return sigmoid(p[@cls@ + k]);" if self._by_class else "return 1.0f;"]
        if self.layout.num_attributes:
            lines = [f"if (k >= {objects})", f"    return sigmoid(p[@attr@ + k - {objects}]);", *lines]
        return "\n".join(f"    {line}" for line in lines)


@dataclass(frozen=True)
class CenterNetDecoder:
    """A heat map with offsets and sizes, in cells."""

    classes: int
    topk: int
    peaks: bool
    anchors: int = 1
    first_only: bool = False

    @property
    def every_class(self) -> bool:
        """Whether each class is a detection of its own."""
        return self.classes > 1

    def functions(self, network: Network, marks: dict[str, object]) -> str:
        """Return the C functions; see :class:`Decoder`."""
        neighbours = _NEIGHBOURS if self.peaks else "    (void)y;\n    (void)x;"
        text = _CENTERNET.replace("@NEIGHBOURS@", neighbours)
        text = text.replace("@PEAK@", ", or 0 where a neighbour has more" if self.peaks else "")
        for name in ("hm", "off", "wh"):
            text = text.replace(f"@{name}@", str(contiguous_of(network, name)))
        return _filled(text, marks)


@dataclass(frozen=True)
class LtrbDecoder:
    """Distances to the sides of one box in each cell, and the scores of the classes."""

    classes: int
    reg_max: int
    anchors: int = 1
    first_only: bool = False
    every_class: bool = False
    topk: int = 0

    def functions(self, network: Network, marks: dict[str, object]) -> str:
        """Return the C functions; see :class:`Decoder`."""
        text = (_MEAN_DISTANCE if self.reg_max else _PLAIN_DISTANCE) + _LTRB
        for name in ("ltrb", "cls"):
            text = text.replace(f"@{name}@", str(contiguous_of(network, name)))
        return _filled(text, {**marks, "BINS": self.reg_max + 1, "MAX": self.reg_max})


def _filled(text: str, marks: dict[str, object]) -> str:
    for mark, value in marks.items():
        text = text.replace(f"@{mark}@", str(value))
    return text


def _place(field: Field) -> str:
    if field.step == 0:
        return str(field.start)
    return f"{field.start} + a" if field.step == 1 else f"{field.start} + {field.step} * a"


def _base(layout: HeadLayout, fields: dict[str, Field]) -> str:
    factors: list[str] = []
    for part in layout.score_mode.split("_"):
        if part == "cls":
            continue
        if part not in fields:
            raise UserError(f"the score {layout.score_mode} needs {part}, which the network does not compute")
        logit = f"p[{_place(fields[part])}]"
        if part == "quality" and layout.quality_power != 1:
            # sigmoid(x)^q = e^(-q log(1 + e^-x))
            factors.insert(0, f"exponential({number(-layout.quality_power)} * softplus(-{logit}))")
        elif part == "quality":
            factors.insert(0, f"sigmoid({logit})")
        else:
            factors.append(f"sigmoid({logit})")
    return " * ".join(factors) or "1.0f"
