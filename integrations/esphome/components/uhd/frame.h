// Frames of the camera as RGB565.
#pragma once

#include <cstddef>
#include <cstdint>

#include "esphome/core/helpers.h"

namespace esphome::uhd {

/// Memory that grows, in PSRAM where there is some.
class Bytes {
 public:
  Bytes() = default;
  Bytes(const Bytes &) = delete;
  Bytes &operator=(const Bytes &) = delete;
  ~Bytes() { this->allocator_.deallocate(this->data_, this->size_); }

  /// Have at least this many bytes, of any value; false without memory.
  bool reserve(size_t size);
  uint8_t *data() { return this->data_; }
  size_t size() const { return this->size_; }

 protected:
  RAMAllocator<uint8_t> allocator_;
  uint8_t *data_{nullptr};
  size_t size_{0};
};

/// Decode a JPEG to RGB565, high bytes first, halved a number of times (0 to 3); says what size it has then.
/// False for broken files, and without memory.
bool decode_jpeg(const uint8_t *jpeg, size_t size, int times, Bytes &out, int &width, int &height);

}  // namespace esphome::uhd
