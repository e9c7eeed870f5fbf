#include "people.h"

#include <algorithm>
#include <cstdio>

#include "esphome/core/defines.h"
#include UHD_MODEL_HEADER

// The exported names begin with what defines.h says.
#define UHD_JOIN_(prefix, name) prefix##name
#define UHD_JOIN(prefix, name) UHD_JOIN_(prefix, name)
#define UHD_MODEL(name) UHD_JOIN(UHD_MODEL_PREFIX, name)

namespace esphome::uhd {

int find_people(const uint8_t *frame, int width, int height, float threshold, Person *people) {
  UHD_MODEL(_box) boxes[MOST_PEOPLE];
  const float least = threshold < 0 ? UHD_MODEL(_CONF_THRESH) : threshold;
  const int count =
      UHD_MODEL(_detect_rgb565)(frame, width, height, 2 * width, 1, boxes, MOST_PEOPLE, least, UHD_MODEL(_NMS_IOU));
  for (int i = 0; i < count; i++)
    people[i] = {boxes[i].x1, boxes[i].y1, boxes[i].x2, boxes[i].y2, boxes[i].score};
  return std::max(count, 0);
}

int halvings(int width, int height) {
  int times = 0;
  while (times < 3 && (width >> times) >= 4 * UHD_MODEL(_INPUT_WIDTH) && (height >> times) >= 4 * UHD_MODEL(_INPUT_HEIGHT))
    times++;
  return times;
}

std::string to_json(const Person *people, int count) {
  std::string text = "[";
  for (int i = 0; i < count; i++) {
    char box[64];
    const int length =
        snprintf(box, sizeof(box), "%s[%.0f,%.0f,%.0f,%.0f,%.0f]", i == 0 ? "" : ",", people[i].x1, people[i].y1,
                 people[i].x2, people[i].y2, 100 * people[i].score);
    if (text.size() + length + 1 > MOST_LETTERS)
      break;
    text += box;
  }
  return text + "]";
}

}  // namespace esphome::uhd
