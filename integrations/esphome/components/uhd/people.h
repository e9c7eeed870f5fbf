// People in a frame, and how they are told: numbers and text alone, so that it can be tested anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace esphome::uhd {

/// Somebody: a box in pixels of the camera's frame, and a score from 0 to 1.
struct Person {
  float x1, y1, x2, y2;
  float score;
};

/// Most people told of one frame.
constexpr int MOST_PEOPLE = 20;

/// Home Assistant keeps no longer text as a state.
constexpr size_t MOST_LETTERS = 255;

/// Find people in a frame of RGB565 whose high bytes come first; best first, at most MOST_PEOPLE.
/// A negative threshold is the model's own.
int find_people(const uint8_t *frame, int width, int height, float threshold, Person *people);

/// How often a frame is halved while it is decoded: as often as both sides stay twice those of the network.
int halvings(int width, int height);

/// Boxes as [[left,top,right,bottom,percent],...]: as many, from the best, as go into MOST_LETTERS.
std::string to_json(const Person *people, int count);

}  // namespace esphome::uhd
