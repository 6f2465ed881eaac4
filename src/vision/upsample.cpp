#include "vision/upsample.hpp"

#include <algorithm>
#include <cmath>

namespace fovea::vision {

std::vector<Upsampler::Tap> Upsampler::taps(std::int64_t pixels, double scale, double offset, std::int64_t input,
                                            std::int64_t cells, Upsample rule) {
    std::vector<Tap> result;
    const auto last = static_cast<double>(cells - 1);
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        const double in_input = (static_cast<double>(pixel) + 0.5) * scale + offset;
        const double in_map = in_input * static_cast<double>(cells) / static_cast<double>(input);
        const double place = rule == Upsample::bilinear ? in_map - 0.5 : std::floor(in_map);
        const double clamped = std::clamp(place, 0.0, last);
        const auto first = static_cast<std::int64_t>(clamped);
        result.push_back({first, std::min(first + 1, cells - 1),
                          static_cast<float>(clamped - static_cast<double>(first)),
                          in_input >= 0 && in_input <= static_cast<double>(input)});
    }
    return result;
}

Upsampler::Upsampler(const Placement& placement, std::int64_t height, std::int64_t width, Upsample rule)
    : width_(static_cast<std::size_t>(width)),
      rows_(taps(placement.image_height, placement.scale_y, placement.offset_y, placement.height, height, rule)),
      columns_(taps(placement.image_width, placement.scale_x, placement.offset_x, placement.width, width, rule)) {}

void Upsampler::row(const float* map, std::int64_t y, std::span<float> blended, std::span<float> out) const {
    const Tap& tap = rows_[static_cast<std::size_t>(y)];
    const float* first = map + tap.first * static_cast<std::int64_t>(width_);
    const float* second = map + tap.second * static_cast<std::int64_t>(width_);
    for (std::size_t x = 0; x < width_; ++x) blended[x] = first[x] + tap.weight * (second[x] - first[x]);
    for (std::size_t x = 0; x < columns_.size(); ++x) {
        const Tap& column = columns_[x];
        const float left = blended[static_cast<std::size_t>(column.first)];
        out[x] = left + column.weight * (blended[static_cast<std::size_t>(column.second)] - left);
    }
}

}  // namespace fovea::vision
