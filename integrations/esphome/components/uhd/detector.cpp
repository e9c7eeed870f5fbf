#include "detector.h"

#include <cstring>

#ifdef USE_HOST
#include <thread>
#endif

#include "esphome/core/hal.h"
#include "esphome/core/log.h"

namespace esphome::uhd {

static const char *const TAG = "uhd";

// One of the camera's own kind: frames for it are not sent to Home Assistant, or to a browser.
static const auto REQUESTER = static_cast<camera::CameraRequester>(7);

#ifdef USE_ESP32
// The exported C takes less than 2 kB, the JPEG decoder about 1 kB.
static constexpr uint32_t STACK_BYTES = 8192;
#endif

void Detector::set_frame(int width, int height, bool jpeg) {
  this->width_ = width;
  this->height_ = height;
  this->jpeg_ = jpeg;
}

void Detector::setup() {
  camera::Camera::instance()->add_listener(this);
#ifdef USE_ESP32
  if (xTaskCreate(Detector::task, "uhd", STACK_BYTES, this, 1, &this->task_) != pdPASS) {
    this->mark_failed();
    return;
  }
#endif
  this->disable_loop();
}

void Detector::update() {
  // A detector that is slower than the interval leaves frames out.
  if (this->state_ == IDLE)
    camera::Camera::instance()->request_image(REQUESTER);
}

void Detector::on_camera_image(const std::shared_ptr<camera::CameraImage> &image) {
  if (this->state_ != IDLE || this->is_failed() || !image->was_requested_by(REQUESTER))
    return;
  // Copied, so that the camera can go on: it gives no further frame while somebody holds one.
  if (!this->frame_.reserve(image->get_data_length())) {
    ESP_LOGE(TAG, "No memory for a frame of %u bytes", (unsigned) image->get_data_length());
    return;
  }
  this->length_ = image->get_data_length();
  memcpy(this->frame_.data(), image->get_data_buffer(), this->length_);
  this->state_ = BUSY;
  this->start_();
}

#ifdef USE_ESP32
void Detector::start_() { xTaskNotifyGive(this->task_); }

void Detector::task(void *detector) {
  while (true) {
    ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
    static_cast<Detector *>(detector)->detect_();
  }
}
#else
void Detector::start_() { std::thread(&Detector::detect_, this).detach(); }
#endif

void Detector::detect_() {
  const uint32_t before = millis();
  const uint8_t *frame = this->frame_.data();
  int width = this->width_, height = this->height_, times = 0;
  bool readable = this->length_ == 2 * static_cast<size_t>(width) * height;
  if (this->jpeg_) {
    times = halvings(width, height);
    readable = decode_jpeg(frame, this->length_, times, this->decoded_, width, height);
    frame = this->decoded_.data();
  }
  this->count_ = readable ? find_people(frame, width, height, this->threshold_, this->people_) : -1;
  for (int i = 0; i < this->count_; i++) {
    for (float *side : {&this->people_[i].x1, &this->people_[i].y1, &this->people_[i].x2, &this->people_[i].y2})
      *side *= 1 << times;
  }
  this->milliseconds_ = millis() - before;
  this->state_ = DONE;
  this->enable_loop_soon_any_context();
}

void Detector::loop() {
  if (this->state_ != DONE)
    return;
  this->disable_loop();
  this->tell_();
  this->state_ = IDLE;
}

void Detector::tell_() {
  if (this->count_ < 0) {
    this->status_set_warning(LOG_STR("frame is not what esp32_camera was set to"));
    return;
  }
  this->status_clear_warning();
  ESP_LOGD(TAG, "%d people in %u ms", this->count_, (unsigned) this->milliseconds_);
  if (this->count_sensor_ != nullptr)
    this->count_sensor_->publish_state(this->count_);
  if (this->occupancy_binary_sensor_ != nullptr)
    this->occupancy_binary_sensor_->publish_state(this->count_ > 0);
  if (this->boxes_text_sensor_ != nullptr)
    this->boxes_text_sensor_->publish_state(to_json(this->people_, this->count_));
}

void Detector::dump_config() {
  ESP_LOGCONFIG(TAG, "People (uhd): frames of %dx%d, %s", this->width_, this->height_, this->jpeg_ ? "JPEG" : "RGB565");
  LOG_UPDATE_INTERVAL(this);
  LOG_SENSOR("  ", "Count", this->count_sensor_);
  LOG_BINARY_SENSOR("  ", "Occupancy", this->occupancy_binary_sensor_);
  LOG_TEXT_SENSOR("  ", "Boxes", this->boxes_text_sensor_);
}

}  // namespace esphome::uhd
