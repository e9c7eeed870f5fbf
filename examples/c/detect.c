/* Find people in a PPM picture:  ./detect picture.ppm */
#include "people.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    people_box boxes[50];
    int width, height, count, i;
    uint8_t *rgb;
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;

    if (!file || fscanf(file, "P6 %d %d 255", &width, &height) != 2 || width < 1 || height < 1 || width > 20000
        || height > 20000 || fgetc(file) == EOF) {
        fprintf(stderr, "usage: detect PICTURE.ppm (binary, eight bits, no comment)\n");
        return 2;
    }
    rgb = malloc((size_t)width * (size_t)height * 3);
    if (!rgb || fread(rgb, (size_t)width * 3, (size_t)height, file) != (size_t)height) {
        fprintf(stderr, "%s: is cut off\n", argv[1]);
        return 2;
    }
    count = people_detect(rgb, width, height, width * 3, boxes, 50, people_CONF_THRESH, people_NMS_IOU);
    for (i = 0; i < count; i++)
        printf("%s %.3f  %.1f %.1f %.1f %.1f\n", people_class_names[boxes[i].class_id], boxes[i].score, boxes[i].x1,
               boxes[i].y1, boxes[i].x2, boxes[i].y2);
    fclose(file);
    free(rgb);
    return 0;
}
