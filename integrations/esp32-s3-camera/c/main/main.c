/* Prints the people that the camera sees, by the exported C. */
#include "camera.h"
#include "people.h"

#include <esp_timer.h>
#include <stdio.h>

#define MOST 10 /* boxes */

static people_box boxes[MOST];

void app_main(void)
{
    if (start_camera() != ESP_OK) {
        printf("no camera: is it plugged in, and is the board the one of idf.py menuconfig?\n");
        return;
    }
    for (;;) {
        camera_fb_t *const frame = esp_camera_fb_get();
        int64_t before;
        int count, i;
        if (!frame)
            continue;
        before = esp_timer_get_time();
        /* 1: the camera sends the byte with red first. */
        count = people_detect_rgb565(frame->buf, (int)frame->width, (int)frame->height, 2 * (int)frame->width, 1, boxes,
                                     MOST, people_CONF_THRESH, people_NMS_IOU);
        printf("%d found in %d ms\n", count, (int)((esp_timer_get_time() - before) / 1000));
        for (i = 0; i < count; i++)
            printf("%s %d%%  %d %d %d %d\n", people_class_names[boxes[i].class_id], (int)(100 * boxes[i].score),
                   (int)boxes[i].x1, (int)boxes[i].y1, (int)boxes[i].x2, (int)boxes[i].y2);
        esp_camera_fb_return(frame);
    }
}
