// The component: asks the camera for a frame, detects in a task of its own, and tells the sensors.
#pragma once

#include <atomic>
#include <memory>

#ifdef USE_ESP32
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#endif

#include "esphome/components/binary_sensor/binary_sensor.h"
#include "esphome/components/camera/camera.h"
#include "esphome/components/sensor/sensor.h"
#include "esphome/components/text_sensor/text_sensor.h"
#include "esphome/core/component.h"

#include "frame.h"
#include "people.h"

namespace esphome::uhd {

class Detector : public PollingComponent, public camera::CameraListener {
  SUB_SENSOR(count)
  SUB_BINARY_SENSOR(occupancy)
  SUB_TEXT_SENSOR(boxes)

 public:
  void set_frame(int width, int height, bool jpeg);
  void set_threshold(float threshold) { this->threshold_ = threshold; }

  void setup() override;
  void update() override;
  void loop() override;
  void dump_config() override;
  float get_setup_priority() const override { return setup_priority::LATE; }
  void on_camera_image(const std::shared_ptr<camera::CameraImage> &image) override;

 protected:
  // The frame and the result belong to the main loop while IDLE or DONE, and to the task while BUSY.
  enum State : uint8_t { IDLE, BUSY, DONE };

  void start_();
  void detect_();
  void tell_();
#ifdef USE_ESP32
  static void task(void *detector);
  TaskHandle_t task_{nullptr};
#endif

  int width_{0}, height_{0};
  bool jpeg_{false};
  float threshold_{-1};
  std::atomic<State> state_{IDLE};
  Bytes frame_, decoded_;
  size_t length_{0};  // of what is in frame_
  Person people_[MOST_PEOPLE];
  int count_{0};  // of people_; negative if the frame could not be read
  uint32_t milliseconds_{0};
};

}  // namespace esphome::uhd
