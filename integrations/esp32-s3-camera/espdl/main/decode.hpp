// From a frame to the network's integers, and from its outputs to boxes; with people_decode.h of `uhd export` and no more.
// For models with outputs box, quality and cls whose score is sigmoid(quality) * sigmoid(cls), and opencv_inter_nearest.
#ifndef DECODE_HPP
#define DECODE_HPP

#include "people_decode.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace people {

struct Box {
    float x1, y1, x2, y2; // shares of the frame, clipped to it
    float score;
    int kind;
};

// Samples a frame of RGB565, the byte with red first, as the network reads it: rows of R, G, B.
inline void fill(const uint8_t *frame, int width, int height, int8_t *to)
{
    const int unit = 1 << -PEOPLE_INPUT_EXPONENT;
    for (int y = 0; y < PEOPLE_INPUT_HEIGHT; y++)
        for (int x = 0; x < PEOPLE_INPUT_WIDTH; x++) {
            const int row = std::min(height - 1, (int)(y * (1.0 / ((double)PEOPLE_INPUT_HEIGHT / height))));
            const int column = std::min(width - 1, (int)(x * (1.0 / ((double)PEOPLE_INPUT_WIDTH / width))));
            const uint8_t *const p = frame + 2 * (row * width + column);
            const int red = p[0] >> 3, green = (p[0] & 7) << 3 | p[1] >> 5, blue = p[1] & 31;
            const int bytes[3] = {red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2};
            for (const int byte : bytes) // never half way, so adding half rounds as any rule does
                *to++ = (int8_t)std::min(127, (2 * byte * unit + 255) / 510);
        }
}

inline float sigmoid(float x)
{
    return 1.0f / (1.0f + std::exp(-x));
}

inline float softplus(float x)
{
    return std::max(x, 0.0f) + std::log1p(std::exp(-std::fabs(x)));
}

inline float overlap(const Box &a, const Box &b)
{
    const float w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1), h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
    if (w <= 0 || h <= 0)
        return 0;
    return w * h / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - w * h);
}

// Boxes of at least this score, best first, without duplicates.
inline std::vector<Box> decode(const std::vector<float> &box, const std::vector<float> &quality,
                               const std::vector<float> &cls, float least)
{
    constexpr int w = PEOPLE_BOX_WIDTH, h = PEOPLE_BOX_HEIGHT, count = PEOPLE_ANCHORS, classes = PEOPLE_CLASSES;
    std::vector<Box> found, kept;
    for (int cell = 0; cell < w * h; cell++)
        for (int a = 0; a < count; a++) {
            const float *const logits = &cls[(cell * count + a) * classes];
            const int kind = (int)(std::max_element(logits, logits + classes) - logits);
            const float score = sigmoid(quality[cell * count + a]) * sigmoid(logits[kind]);
            if (score < least)
                continue;
            const float *const t = &box[(cell * count + a) * 4];
            const float cx = (sigmoid(t[0]) + cell % w) / w, cy = (sigmoid(t[1]) + cell / w) / h;
            const float bw = people_anchors[a][0] * softplus(t[2]) / 2, bh = people_anchors[a][1] * softplus(t[3]) / 2;
            found.push_back({std::max(cx - bw, 0.0f), std::max(cy - bh, 0.0f), std::min(cx + bw, 1.0f),
                             std::min(cy + bh, 1.0f), score, kind});
        }
    std::sort(found.begin(), found.end(), [](const Box &a, const Box &b) { return a.score > b.score; });
    for (const Box &one : found)
        if (std::none_of(kept.begin(), kept.end(), [&](const Box &other) {
                return other.kind == one.kind && overlap(other, one) >= PEOPLE_NMS_IOU;
            }))
            kept.push_back(one);
    return kept;
}

} // namespace people

#endif
