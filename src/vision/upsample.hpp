#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vision/contract.hpp"
#include "vision/preprocess.hpp"

namespace fovea::vision {

/// Values of a map of `height` × `width` cells, which covers the network's input, at the centres of the image's pixels.
class Upsampler {
  public:
    Upsampler(const Placement& placement, std::int64_t height, std::int64_t width, Upsample rule);

    [[nodiscard]] std::int64_t image_height() const { return static_cast<std::int64_t>(rows_.size()); }
    [[nodiscard]] std::int64_t image_width() const { return static_cast<std::int64_t>(columns_.size()); }
    /// Whether the network saw the image's pixel.
    [[nodiscard]] bool seen(std::int64_t y, std::int64_t x) const {
        return rows_[static_cast<std::size_t>(y)].seen && columns_[static_cast<std::size_t>(x)].seen;
    }
    /// Row `y` of the image; `blended` is memory for one row of the map.
    void row(const float* map, std::int64_t y, std::span<float> blended, std::span<float> out) const;
    [[nodiscard]] std::size_t map_width() const { return width_; }

  private:
    /// The two cells that a pixel lies between, and the weight of the second.
    struct Tap {
        std::int64_t first, second;
        float weight;
        bool seen;
    };
    static std::vector<Tap> taps(std::int64_t pixels, double scale, double offset, std::int64_t input,
                                 std::int64_t cells, Upsample rule);

    std::size_t width_;
    std::vector<Tap> rows_, columns_;
};

}  // namespace fovea::vision
