"""C that decodes the output map, suppresses duplicates and is the public interface: the twin of :mod:`uhd.decode`."""

from __future__ import annotations

import numpy as np

from uhd.decode import HeadLayout
from uhd.export.c.head import Field
from uhd.export.c.source import number, table

_DECODE = """
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
@BASE@
}
@CLASS@
void @NAME@_predict(const uint8_t *pixels, float *boxes, float *scores)
{
    int a, y, x, k;
    memcpy(@INPUT@, pixels, @NAME@_INPUT_BYTES);
    run();
    for (a = 0; a < ANCHORS; a++)
        for (y = 0; y < @GH@; y++)
            for (x = 0; x < @GW@; x++, boxes += 4) {
                const float *p = @RAW@ + (y * @GW@ + x) * @CHANNELS@;
                decode_box(p, a, y, x, boxes);
                for (k = 0; k < @NAME@_CLASSES; k++)
                    *scores++ = decode_base(p, a)@TIMES@;
            }
}

/* Predictions of at least this score, as rows x1, y1, x2, y2, score, class; returns their number. */
static int candidates(float least, float *row)
{
    int a, y, x, k, count = 0;
    for (a = 0; a < ANCHORS; a++)
        for (y = 0; y < @GH@; y++)
            for (x = 0; x < @GW@; x++) {
                const float *p = @RAW@ + (y * @GW@ + x) * @CHANNELS@;
                const float base = decode_base(p, a);
                if (base < least) /* a class can only make it less */
                    continue;
                row[4] = -1.0f;
                for (k = 0; k < @BEST@; k++) {
                    const float score = base@TIMES@;
                    if (score > row[4]) {
                        row[4] = score;
                        row[5] = (float)k;
                    }
                }
                if (row[4] < least)
                    continue;
                decode_box(p, a, y, x, row);
                row += 6;
                count++;
            }
    return count;
}

static float overlap(const float *a, const float *b)
{
    const float w = smaller(a[2], b[2]) - larger_of(a[0], b[0]);
    const float h = smaller(a[3], b[3]) - larger_of(a[1], b[1]);
    const float common = larger_of(w, 0.0f) * larger_of(h, 0.0f);
    const float area_a = larger_of(a[2] - a[0], 0.0f) * larger_of(a[3] - a[1], 0.0f);
    const float area_b = larger_of(b[2] - b[0], 0.0f) * larger_of(b[3] - b[1], 0.0f);
    return common / (area_a + area_b - common + 1e-6f);
}

int @NAME@_detect(const uint8_t *rgb, int width, int height, int stride_bytes, @NAME@_box *out, int max_boxes,
@PAD@float conf_thresh, float nms_iou)
{
    float *const rows = @FOUND@;
    int count, kept = 0, i;
    if (!rgb || !out || width < 1 || height < 1 || stride_bytes / 3 < width || max_boxes < 0)
        return -1;
    prepare(rgb, width, height, stride_bytes, @INPUT@);
    run();
    count = candidates(conf_thresh, rows);
    while (kept < max_boxes) {
        const float *best = rows;
        float box[6];
        for (i = 1; i < count; i++)
            if (rows[6 * i + 4] > best[4])
                best = rows + 6 * i;
        if (count == 0 || best[4] < 0.0f)
            break;
        memcpy(box, best, sizeof box);
        rows[best - rows + 4] = -1.0f;
        for (i = 0; i < count && nms_iou > 0.0f; i++)
            if (rows[6 * i + 5] == box[5] && rows[6 * i + 4] >= 0.0f && overlap(box, rows + 6 * i) >= nms_iou)
                rows[6 * i + 4] = -1.0f;
        out->x1 = smaller(larger_of(box[0], 0.0f), 1.0f) * (float)width;
        out->y1 = smaller(larger_of(box[1], 0.0f), 1.0f) * (float)height;
        out->x2 = smaller(larger_of(box[2], 0.0f), 1.0f) * (float)width;
        out->y2 = smaller(larger_of(box[3], 0.0f), 1.0f) * (float)height;
        out->score = box[4];
        out->class_id = (int)box[5];
        if (out->x2 > out->x1 && out->y2 > out->y1) {
            out++;
            kept++;
        }
    }
    return kept;
}
"""
_SMALLER = """
static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

static inline float larger_of(float a, float b)
{
    return a > b ? a : b;
}
"""
_CLASS = """
static float decode_class(const float *p, int a, int k)
{
    return sigmoid(p[@cls@ + k]);
}
"""


def postprocess(layout: HeadLayout, fields: dict[str, Field], marks: dict[str, object]) -> str:
    """Return the C text.

    Args:
        layout: anchors and score.
        fields: where each field lies.
        marks: ``NAME``, ``GH`` and ``GW`` (cells), ``CHANNELS``, and the C expressions ``INPUT``, ``RAW``, ``FOUND``.
    """
    by_class = "cls" in layout.score_mode
    text = _DECODE.replace("@BASE@", "\n".join(_base(layout, fields)))
    text = text.replace("@CLASS@", _CLASS if by_class else "").replace("@PAD@", " " * (len(str(marks["NAME"])) + 12))
    text = text.replace("@TIMES@", " * decode_class(p, a, k)" if by_class else "")
    # Without the class in the score, all classes tie and the first one is the best.
    text = text.replace("@BEST@", str(layout.classes if by_class else 1))
    for name, field in fields.items():
        text = text.replace(f"@{name}@", _place(field))
    for mark, value in marks.items():
        text = text.replace(f"@{mark}@", str(value))
    half = (layout.anchors * layout.wh_scale / 2).astype(np.float32)
    intro = f"\n#define ANCHORS {layout.num_anchors}\n{table('half_size', half)}"
    return intro + _SMALLER + text


def _place(field: Field) -> str:
    if field.step == 0:
        return str(field.start)
    return f"{field.start} + a" if field.step == 1 else f"{field.start} + {field.step} * a"


def _base(layout: HeadLayout, fields: dict[str, Field]) -> list[str]:
    factors = []
    for part in layout.score_mode.split("_"):
        if part == "cls":
            continue
        logit = f"p[{_place(fields[part])}]"
        if part == "quality" and layout.quality_power != 1:
            # sigmoid(x)^q = e^(-q log(1 + e^-x))
            factors.insert(0, f"exponential({number(-layout.quality_power)} * softplus(-{logit}))")
        elif part == "quality":
            factors.insert(0, f"sigmoid({logit})")
        else:
            factors.append(f"sigmoid({logit})")
    unused = [] if any("a" in _place(fields[part]) for part in layout.score_mode.split("_") if part != "cls") else ["(void)a;"]
    unused += [] if factors else ["(void)p;"]
    return [f"    {line}" for line in [*unused, f"return {' * '.join(factors) or '1.0f'};"]]
