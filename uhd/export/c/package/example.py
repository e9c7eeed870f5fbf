"""The example of a package: boxes in a frame of RGB565, in the words of each framework."""

from __future__ import annotations

from uhd.export.c.package.facts import Facts

_EXAMPLE = """/*
 * Detects in frames of RGB565, as cameras give them. It draws its own frame, so it runs on any board; give on_frame()
 * the bytes of your camera instead. With esp_camera.h:
 *     camera_fb_t *fb = esp_camera_fb_get();
 *     on_frame(fb->buf, (int)fb->width, (int)fb->height);
 *     esp_camera_fb_return(fb);
 */
@INCLUDES@
#include "@NAME@.h"

#define WIDTH 160
#define HEIGHT 120
#define MOST 10 /* boxes */

static uint8_t drawn[2 * WIDTH * HEIGHT];
static @NAME@_box boxes[MOST];

/* A pattern in the place of a picture. */
static void draw(void)
{
    int x, y;
    for (y = 0; y < HEIGHT; y++)
        for (x = 0; x < WIDTH; x++) {
            drawn[2 * (y * WIDTH + x)] = (uint8_t)(x + y);
            drawn[2 * (y * WIDTH + x) + 1] = (uint8_t)(3 * x);
        }
}

static void on_frame(const uint8_t *frame, int width, int height)
{
    const long before = @CLOCK@;
    /* 1: the byte with red comes first, as OV2640 and its like send it. */
    const int count = @NAME@_detect_rgb565(frame, width, height, 2 * width, 1, boxes, MOST, @NAME@_CONF_THRESH,
                                           @NAME@_NMS_IOU);
    const long after = @CLOCK@;
    int i;
    @PRINT@("%d found in %ld ms\\n", count, (after - before) / 1000);
    for (i = 0; i < count; i++)
        @PRINT@("%s %d%%  %d %d %d %d\\n", @NAME@_class_names[boxes[i].class_id], (int)(100 * boxes[i].score),
               (int)boxes[i].x1, (int)boxes[i].y1, (int)boxes[i].x2, (int)boxes[i].y2);
}

@MAIN@"""
_ESP_IDF = """void app_main(void)
{
    draw();
    on_frame(drawn, WIDTH, HEIGHT);
}
"""
_ARDUINO = """void setup(void)
{
    Serial.begin(115200);
    draw();
}

void loop(void)
{
    on_frame(drawn, WIDTH, HEIGHT);
    delay(1000);
}
"""
# Serial.printf is not in every core, so the text is put together first.
_SAY = """
static void say(const char *format, ...)
{
    char text[96];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    Serial.print(text);
}
"""


def for_esp_idf(facts: Facts) -> str:
    """Return C with ``app_main``."""
    return _filled(
        facts, "#include <esp_timer.h>\n#include <stdio.h>", "(long)esp_timer_get_time()", "printf", _ESP_IDF
    )


def for_arduino(facts: Facts) -> str:
    """Return C++ with ``setup`` and ``loop``."""
    includes = "#include <Arduino.h>\n#include <stdarg.h>\n#include <stdio.h>"
    return _filled(facts, includes, "(long)micros()", "say", _ARDUINO).replace(
        "\nstatic void on_frame", f"{_SAY}\nstatic void on_frame"
    )


def _filled(facts: Facts, includes: str, clock: str, say: str, main: str) -> str:
    text = _EXAMPLE.replace("@MAIN@", main).replace("@INCLUDES@", includes)
    # Arguments that go on in the next line stay below the first one.
    return facts.fill(text.replace("@CLOCK@", clock).replace("@PRINT@", say))
