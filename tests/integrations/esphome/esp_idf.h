// What ESPHome's headers, and the component, take of ESP-IDF, FreeRTOS and esp_jpeg: names and types, to compile against.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>

#define IRAM_ATTR
#define CONFIG_ESP_TASK_WDT_TIMEOUT_S 5
#define MALLOC_CAP_8BIT 1
#define MALLOC_CAP_SPIRAM 2
#define MALLOC_CAP_INTERNAL 4
#define ESP_OK 0
#define pdTRUE 1
#define pdPASS 1
#define portMAX_DELAY 0xffffffffU
#define portTICK_PERIOD_MS 1

extern "C" {
typedef int esp_err_t;
typedef int BaseType_t;
typedef unsigned UBaseType_t;
typedef uint32_t TickType_t;
typedef uint32_t configSTACK_DEPTH_TYPE;
typedef uint8_t StackType_t;
typedef struct { int nothing; } StaticTask_t;
typedef struct tskTaskControlBlock *TaskHandle_t;
typedef struct QueueDefinition *SemaphoreHandle_t;
typedef void (*TaskFunction_t)(void *);

void *heap_caps_malloc_prefer(size_t size, size_t count, ...);
void *heap_caps_realloc_prefer(void *memory, size_t size, size_t count, ...);
size_t heap_caps_get_free_size(uint32_t caps);
size_t heap_caps_get_largest_free_block(uint32_t caps);

BaseType_t xPortInIsrContext(void);
void vPortYield(void);
void vTaskDelay(TickType_t ticks);
BaseType_t xTaskCreate(TaskFunction_t code, const char *name, configSTACK_DEPTH_TYPE stack, void *parameters,
                       UBaseType_t priority, TaskHandle_t *task);
BaseType_t xTaskNotifyGive(TaskHandle_t task);
uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks);
SemaphoreHandle_t xSemaphoreCreateMutex(void);
BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks);
BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore);
esp_err_t esp_task_wdt_reset(void);
uint32_t esp_cpu_get_cycle_count(void);

// https://components.espressif.com/components/espressif/esp_jpeg
typedef enum { JPEG_IMAGE_SCALE_0 = 0, JPEG_IMAGE_SCALE_1_2, JPEG_IMAGE_SCALE_1_4, JPEG_IMAGE_SCALE_1_8 } esp_jpeg_image_scale_t;
typedef enum { JPEG_IMAGE_FORMAT_RGB888 = 0, JPEG_IMAGE_FORMAT_RGB565 } esp_jpeg_image_format_t;
typedef struct {
  uint8_t *indata;
  uint32_t indata_size;
  uint8_t *outbuf;
  uint32_t outbuf_size;
  esp_jpeg_image_format_t out_format;
  esp_jpeg_image_scale_t out_scale;
  struct { uint8_t swap_color_bytes : 1; } flags;
} esp_jpeg_image_cfg_t;
typedef struct { uint16_t width, height; size_t output_len; } esp_jpeg_image_output_t;
esp_err_t esp_jpeg_get_image_info(esp_jpeg_image_cfg_t *config, esp_jpeg_image_output_t *image);
esp_err_t esp_jpeg_decode(esp_jpeg_image_cfg_t *config, esp_jpeg_image_output_t *image);
}
