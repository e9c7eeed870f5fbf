#pragma once

#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "esphome/components/camera/camera.h"

namespace esphome::esp32_camera {

class FileImage : public camera::CameraImage {
 public:
  FileImage(std::vector<uint8_t> bytes, uint8_t requesters) : bytes_(std::move(bytes)), requesters_(requesters) {}
  uint8_t *get_data_buffer() override { return this->bytes_.data(); }
  size_t get_data_length() override { return this->bytes_.size(); }
  bool was_requested_by(camera::CameraRequester requester) const override {
    return (this->requesters_ & (1 << requester)) != 0;
  }

 protected:
  std::vector<uint8_t> bytes_;
  uint8_t requesters_;
};

class FileCamera : public camera::Camera {
 public:
  explicit FileCamera(const char *path) : path_(path) {}
  void loop() override {
    if (this->requesters_ == 0)
      return;
    std::ifstream file(this->path_, std::ios::binary);
    std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
    auto image = std::make_shared<FileImage>(std::move(bytes), this->requesters_);
    this->requesters_ = 0;
    for (auto *listener : this->listeners_)
      listener->on_camera_image(image);
  }
  void add_listener(camera::CameraListener *listener) override { this->listeners_.push_back(listener); }
  camera::CameraImageReader *create_image_reader() override { return nullptr; }
  void request_image(camera::CameraRequester requester) override { this->requesters_ |= 1U << requester; }
  void start_stream(camera::CameraRequester requester) override {}
  void stop_stream(camera::CameraRequester requester) override {}

 protected:
  const char *path_;
  uint8_t requesters_{0};
  std::vector<camera::CameraListener *> listeners_;
};

}  // namespace esphome::esp32_camera
