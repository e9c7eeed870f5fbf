// Prints the people that the camera sees, by ESP-DL and people.espdl.
#include "camera.h"
#include "decode.hpp"
#include "people_decode.h"

#include "dl_model_base.hpp"

#include <cstdint>
#include <cstdio>
#include <esp_timer.h>
#include <vector>

static_assert(PEOPLE_INPUT_BITS == 8 && PEOPLE_BOX_BITS == 8, "a model with 16-bit input or boxes needs other types");

extern const uint8_t people_espdl[] asm("_binary_people_espdl_start");

// The outputs by their names, as floats.
static std::vector<float> values(dl::Model &model, const char *name)
{
    dl::TensorBase *const tensor = model.get_outputs().at(name);
    const float scale = std::ldexp(1.0f, tensor->exponent);
    std::vector<float> out(tensor->get_size());
    for (size_t i = 0; i < out.size(); i++)
        out[i] = scale * (tensor->dtype == dl::DATA_TYPE_INT16 ? ((const int16_t *)tensor->data)[i]
                                                               : ((const int8_t *)tensor->data)[i]);
    return out;
}

extern "C" void app_main(void)
{
    dl::Model model((const char *)people_espdl, fbs::MODEL_LOCATION_IN_FLASH_RODATA);
    ESP_ERROR_CHECK(model.test()); // the test vector in the file: does the chip compute what the computer did?
    if (start_camera() != ESP_OK) {
        printf("no camera: is it plugged in, and is the board the one of idf.py menuconfig?\n");
        return;
    }
    int8_t *const input = (int8_t *)model.get_inputs().begin()->second->data;
    for (;;) {
        camera_fb_t *const frame = esp_camera_fb_get();
        if (!frame)
            continue;
        const int64_t before = esp_timer_get_time();
        people::fill(frame->buf, (int)frame->width, (int)frame->height, input);
        model.run();
        const int64_t ran = esp_timer_get_time();
        const auto boxes =
            people::decode(values(model, "box"), values(model, "quality"), values(model, "cls"), PEOPLE_CONF_THRESH);
        printf("%d found; network %d ms, all %d ms\n", (int)boxes.size(), (int)((ran - before) / 1000),
               (int)((esp_timer_get_time() - before) / 1000));
        for (const auto &box : boxes)
            printf("class %d %d%%  %d %d %d %d\n", box.kind, (int)(100 * box.score), (int)(box.x1 * frame->width),
                   (int)(box.y1 * frame->height), (int)(box.x2 * frame->width), (int)(box.y2 * frame->height));
        esp_camera_fb_return(frame);
    }
}
