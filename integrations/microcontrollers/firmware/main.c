/*
 * Detects in one frame and prints, every number in hexadecimal: the instructions and the bytes of stack that took, then
 * each box as the bits of x1, y1, x2, y2 and score, and its class. A line is a word and its numbers.
 */
#include "board.h"
#include "frame.h"
#include "people.h"

#include <string.h>

#define PAINT 0xa5c3a5c3u

static people_box boxes[MOST];

static void put_number(uint32_t value)
{
    char text[10] = " 00000000";
    int i;
    for (i = 8; i > 0; i--, value >>= 4)
        text[i] = "0123456789abcdef"[value & 15];
    put(text);
}

static void put_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_number(bits);
}

/* Fills the stack below its caller; returns where that begins. */
static __attribute__((noinline)) uint32_t *paint(void)
{
    uint32_t *const here = __builtin_frame_address(0);
    volatile uint32_t *p = stack_low;
    while (p < here - 32)
        *p++ = PAINT;
    return here;
}

int main(void)
{
    uint32_t *const here = paint();
    const uint32_t *p = stack_low;
    const uint32_t before = instructions();
    const int count = people_detect_rgb565(frame, FRAME_WIDTH, FRAME_HEIGHT, 2 * FRAME_WIDTH, 1, boxes, MOST, LEAST,
                                           people_NMS_IOU);
    const uint32_t after = instructions();
    int i;
    while (p < here && *p == PAINT)
        p++;
    put("instructions");
    put_number(after - before);
    put("\nstack");
    put_number((uint32_t)(here - p) * 4);
    put("\n");
    for (i = 0; i < count; i++) {
        put("box");
        put_float(boxes[i].x1);
        put_float(boxes[i].y1);
        put_float(boxes[i].x2);
        put_float(boxes[i].y2);
        put_float(boxes[i].score);
        put_number((uint32_t)boxes[i].class_id);
        put("\n");
    }
    put("end\n");
    return 0;
}
