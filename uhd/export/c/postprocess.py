"""C that finds the detections among the predictions, leaves out duplicates, and is the public interface."""

from __future__ import annotations

from uhd.export.c.decoders import Decoder
from uhd.export.c.network import Network

_TEXT = """
void @NAME@_predict(const uint8_t *pixels, float *boxes, float *scores)
{
    int a, y, x, k;
    memcpy(@INPUT@, pixels, @NAME@_INPUT_BYTES);
    run();
    for (a = 0; a < @ANCHORS@; a++)
        for (y = 0; y < @GH@; y++)
            for (x = 0; x < @GW@; x++, boxes += 4) {
                const float *p = @RAW@ + (y * @GW@ + x) * @CHANNELS@;
                decode_box(p, a, y, x, boxes);
                for (k = 0; k < @NAME@_CLASSES; k++)
                    *scores++ = decode_base(p, a) * decode_class(p, a, y, x, k);
            }
}

/* Predictions of at least this score, as rows x1, y1, x2, y2, score, class; returns their number. */
static int candidates(float least, float *row)
{
    int a, y, x, k, count = 0;
    for (a = 0; a < @ANCHORS@; a++)
        for (y = 0; y < @GH@; y++)
            for (x = 0; x < @GW@; x++) {
                const float *p = @RAW@ + (y * @GW@ + x) * @CHANNELS@;
                const float base = decode_base(p, a);
                if (base < least) /* a class can only make it less */
                    continue;
@CANDIDATE@
            }
    return count;
}

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

static inline float larger_of(float a, float b)
{
    return a > b ? a : b;
}

/* Duplicates overlap by at least this share of their union, as everywhere: equality counts, in any unit. */
static int duplicates(const float *a, const float *b, float iou)
{
    const float w = smaller(a[2], b[2]) - larger_of(a[0], b[0]);
    const float h = smaller(a[3], b[3]) - larger_of(a[1], b[1]);
    const float common = larger_of(w, 0.0f) * larger_of(h, 0.0f);
    const float area_a = larger_of(a[2] - a[0], 0.0f) * larger_of(a[3] - a[1], 0.0f);
    const float area_b = larger_of(b[2] - b[0], 0.0f) * larger_of(b[3] - b[1], 0.0f);
    return common > 0.0f && common >= iou * (area_a + area_b - common);
}
@BEST@
static int detect(const uint8_t *frame, int format, int width, int height, int stride_bytes, @NAME@_box *out,
                  int max_boxes, float conf_thresh, float nms_iou)
{
    float *const rows = @FOUND@;
    int count, kept = 0, i;
    if (!frame || !out || width < 1 || height < 1 || stride_bytes / (format == RGB888 ? 3 : 2) < width
        || max_boxes < 0)
        return -1;
    prepare(frame, format, width, height, stride_bytes, @INPUT@);
    run();
    count = candidates(conf_thresh, rows);
@LIMIT@    /* Duplicates are judged by what is seen of them, so boxes are clipped first. */
    for (i = 0; i < 6 * count; i++)
        if (i % 6 < 4)
            rows[i] = smaller(larger_of(rows[i], 0.0f), 1.0f);
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
            if (rows[6 * i + 5] == box[5] && rows[6 * i + 4] >= 0.0f && duplicates(box, rows + 6 * i, nms_iou))
                rows[6 * i + 4] = -1.0f;
        out->x1 = box[0] * (float)width;
        out->y1 = box[1] * (float)height;
        out->x2 = box[2] * (float)width;
        out->y2 = box[3] * (float)height;
        out->score = box[4];
        out->class_id = (int)box[5];
        if (out->x2 > out->x1 && out->y2 > out->y1) {
            out++;
            kept++;
        }
    }
    return kept;
}

int @NAME@_detect(const uint8_t *rgb, int width, int height, int stride_bytes, @NAME@_box *out, int max_boxes,
@PAD@float conf_thresh, float nms_iou)
{
    return detect(rgb, RGB888, width, height, stride_bytes, out, max_boxes, conf_thresh, nms_iou);
}

int @NAME@_detect_rgb565(const uint8_t *frame, int width, int height, int stride_bytes, int high_byte_first,
@PAD@       @NAME@_box *out, int max_boxes, float conf_thresh, float nms_iou)
{
    return detect(frame, high_byte_first ? RGB565_HIGH_FIRST : RGB565_LOW_FIRST, width, height, stride_bytes, out,
                  max_boxes, conf_thresh, nms_iou);
}
"""
_BEST_CLASS = """                row[4] = -1.0f;
                for (k = 0; k < @BEST@; k++) {
                    const float score = base * decode_class(p, a, y, x, k);
                    if (score > row[4]) {
                        row[4] = score;
                        row[5] = (float)k;
                    }
                }
                if (row[4] < least)
                    continue;
                decode_box(p, a, y, x, row);
                row += 6;
                count++;"""
_EVERY_CLASS = """                for (k = 0; k < @NAME@_CLASSES; k++) {
                    const float score = base * decode_class(p, a, y, x, k);
                    if (score < least@ABOVE@)
                        continue;
                    decode_box(p, a, y, x, row);
                    row[4] = score;
                    row[5] = (float)k;
                    row += 6;
                    count++;
                }"""
_ONLY_BEST = """
/* Leaves out the worst of the rows until `most` are left; of equals the last one goes. */
static int only_best(float *rows, int count, int most)
{
    for (; count > most; count--) {
        int worst = 0, i;
        for (i = 1; i < count; i++)
            if (rows[6 * i + 4] <= rows[6 * worst + 4])
                worst = i;
        memmove(rows + 6 * worst, rows + 6 * worst + 6, (size_t)(count - worst - 1) * 6 * sizeof *rows);
    }
    return count;
}
"""


def postprocess(network: Network, decoder: Decoder, marks: dict[str, object]) -> str:
    """Return the C text.

    Args:
        network: with joined outputs.
        decoder: how its map is read.
        marks: ``NAME``, ``GH`` and ``GW`` (cells), ``CHANNELS``, and the C expressions ``INPUT``, ``RAW``, ``FOUND``.
    """
    # A heat map has zeros where a neighbour has more; those are no detections even at threshold 0.
    above = " || score <= 0.0f" if decoder.topk else ""
    each = decoder.every_class or decoder.topk
    text = _TEXT.replace("@CANDIDATE@", _EVERY_CLASS.replace("@ABOVE@", above) if each else _BEST_CLASS)
    text = text.replace("@BEST@\nstatic", f"{_ONLY_BEST if decoder.topk else ''}\nstatic")
    limit = f"    count = only_best(rows, count, {decoder.topk});\n" if decoder.topk else ""
    values = {
        **marks, "ANCHORS": decoder.anchors, "BEST": 1 if decoder.first_only else decoder.classes, "LIMIT": limit,
        "PAD": " " * (len(str(marks["NAME"])) + 12),
    }  # fmt: skip
    for mark, value in values.items():
        text = text.replace(f"@{mark}@", str(value))
    return decoder.functions(network, marks) + text


def rows_of(decoder: Decoder, cells: int) -> int:
    """Return the most rows that the candidates of a map can be."""
    each = decoder.classes if decoder.every_class else 1
    return cells * decoder.anchors * each
