// Prints what the component's logic makes of a frame, for test_esphome.py:  people_test FRAME WIDTH HEIGHT THRESHOLD
#include <cstdio>
#include <cstdlib>

#include "people.h"

using namespace esphome::uhd;

int main(int, char **arguments) {
  static uint8_t frame[2 * 640 * 480];
  FILE *file = fopen(arguments[1], "rb");
  if (file == nullptr || fread(frame, 1, sizeof(frame), file) == 0)
    return 1;
  Person people[MOST_PEOPLE];
  const int count = find_people(frame, atoi(arguments[2]), atoi(arguments[3]), atof(arguments[4]), people);
  printf("%s\n", to_json(people, count).c_str());
  printf("%d %d %d %d\n", halvings(127, 127), halvings(128, 256), halvings(640, 480), halvings(2560, 1920));
  for (auto &person : people)
    person = {1000, 1000, 2000, 2000, 0.5F};
  printf("%s\n", to_json(people, MOST_PEOPLE).c_str());
}
