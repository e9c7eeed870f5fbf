"""C between the exported detector and the page: memory for an image of RGBA bytes, one call, boxes out."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.resize import is_point_sampling

_GLUE = """#include "model.c"

#define EXPORT(name) __attribute__((export_name(#name)))
#define MOST 300

extern unsigned char __heap_base;
static model_box found[MOST];
static const char info[] = @INFO@;

/* Half floats, little end first, become these floats before anything is detected. */
EXPORT(weights) float *page_weights(void)
{
    return weights;
}

EXPORT(weight_count) int page_weight_count(void)
{
    return @COUNT@;
}

EXPORT(info) const char *page_info(void)
{
    return info;
}

EXPORT(info_bytes) int page_info_bytes(void)
{
    return (int)sizeof info - 1;
}

EXPORT(boxes) const model_box *page_boxes(void)
{
    return found;
}

/* Room for width x height pixels of R, G, B, A behind everything else; 0 if there is no memory. */
EXPORT(image) uint8_t *page_image(int width, int height)
{
    const size_t start = ((size_t)&__heap_base + 15) & ~(size_t)15;
    const size_t end = start + (size_t)width * (size_t)height * 4, page = 65536;
    const size_t have = __builtin_wasm_memory_size(0) * page;
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + page - 1) / page) == (size_t)-1)
        return 0;
    return (uint8_t *)start;
}

/* Detect in those pixels; returns the number of boxes. The pixels are used up. */
EXPORT(detect) int page_detect(int width, int height, float conf_thresh, float nms_iou)
{
    uint8_t *const rgba = (uint8_t *)(((size_t)&__heap_base + 15) & ~(size_t)15);
@BODY@
}
"""
# Only the pixels that are sampled are looked at; sampling the small image again takes every pixel once.
_SAMPLED = """    static uint8_t rgb[model_INPUT_HEIGHT * model_INPUT_WIDTH * 3];
    int column[model_INPUT_WIDTH], x, y, i, count;
    uint8_t *to = rgb;
    for (x = 0; x < model_INPUT_WIDTH; x++)
        column[x] = 4 * source_index(x, model_INPUT_WIDTH, width);
    for (y = 0; y < model_INPUT_HEIGHT; y++) {
        const uint8_t *row = rgba + (size_t)source_index(y, model_INPUT_HEIGHT, height) * (size_t)width * 4;
        for (x = 0; x < model_INPUT_WIDTH; x++, to += 3) {
            const uint8_t *p = row + column[x];
            to[0] = p[0];
            to[1] = p[1];
            to[2] = p[2];
        }
    }
    count = model_detect(rgb, model_INPUT_WIDTH, model_INPUT_HEIGHT, 3 * model_INPUT_WIDTH, found, MOST, conf_thresh,
                         nms_iou);
    for (i = 0; i < count; i++) {
        found[i].x1 *= (float)width / model_INPUT_WIDTH;
        found[i].x2 *= (float)width / model_INPUT_WIDTH;
        found[i].y1 *= (float)height / model_INPUT_HEIGHT;
        found[i].y2 *= (float)height / model_INPUT_HEIGHT;
    }
    return count;"""
_WHOLE = """    const size_t pixels = (size_t)width * (size_t)height;
    size_t i;
    for (i = 0; i < pixels; i++) {
        rgba[3 * i] = rgba[4 * i];
        rgba[3 * i + 1] = rgba[4 * i + 1];
        rgba[3 * i + 2] = rgba[4 * i + 2];
    }
    return model_detect(rgba, width, height, 3 * width, found, MOST, conf_thresh, nms_iou);"""


def glue(spec: ModelSpec, info: str, tables: Sequence[NDArray[np.float32]]) -> str:
    """Return the C text of the page's interface.

    Args:
        spec: of the model.
        info: JSON that the page reads.
        tables: taken out of the model's source.
    """
    values = {
        "@BODY@": _SAMPLED if is_point_sampling(spec.resize_mode) else _WHOLE,
        "@COUNT@": str(sum(-(-len(table) // 16) * 16 for table in tables)),
        # JSON of a JSON text is a C string: both escape quotes and backslashes alike, and all else is ASCII.
        "@INFO@": json.dumps(info),
    }
    text = _GLUE
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text
