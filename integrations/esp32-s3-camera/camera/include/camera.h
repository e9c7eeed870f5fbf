/* The camera of a board, as frames of RGB565. */
#ifndef CAMERA_H
#define CAMERA_H

#include <esp_camera.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Starts it at 240x240; 0 is success. Then esp_camera_fb_get() and esp_camera_fb_return(). */
esp_err_t start_camera(void);

#ifdef __cplusplus
}
#endif

#endif
