#include "frame.h"

#ifdef USE_ESP32
#include <jpeg_decoder.h>
#endif

namespace esphome::uhd {

bool Bytes::reserve(size_t size) {
  if (size <= this->size_)
    return true;
  this->allocator_.deallocate(this->data_, this->size_);
  this->data_ = this->allocator_.allocate(size);
  this->size_ = this->data_ == nullptr ? 0 : size;
  return this->data_ != nullptr;
}

#ifdef USE_ESP32
bool decode_jpeg(const uint8_t *jpeg, size_t size, int times, Bytes &out, int &width, int &height) {
  esp_jpeg_image_cfg_t config{};
  config.indata = const_cast<uint8_t *>(jpeg);
  config.indata_size = size;
  config.out_format = JPEG_IMAGE_FORMAT_RGB565;
  config.out_scale = static_cast<esp_jpeg_image_scale_t>(times);
  config.flags.swap_color_bytes = 1;
  esp_jpeg_image_output_t image{};
  // The size is the file's, not the one asked of the camera: some sensors give a smaller one.
  if (esp_jpeg_get_image_info(&config, &image) != ESP_OK || !out.reserve(image.output_len))
    return false;
  config.outbuf = out.data();
  config.outbuf_size = out.size();
  if (esp_jpeg_decode(&config, &image) != ESP_OK)
    return false;
  width = image.width;
  height = image.height;
  return true;
}
#else
bool decode_jpeg(const uint8_t *, size_t, int, Bytes &, int &, int &) { return false; }
#endif

}  // namespace esphome::uhd
