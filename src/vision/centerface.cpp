#include <cmath>
#include <utility>

#include "vision/decoders.hpp"

namespace fovea::vision {
namespace {

constexpr float kStride = 4.0f;
constexpr std::int64_t kLandmarks = 5;

}  // namespace

std::vector<Detection> decode_centerface(const OutputContract& contract, const Roles& roles) {
    const Roles::Values scores = roles.values("heatmap", {1, -1, -1});
    const std::int64_t height = scores.shape()[1], width = scores.shape()[2];
    const Roles::Values scale = roles.values("scale", {2, height, width});
    const Roles::Values offset = roles.values("offset", {2, height, width});
    const Roles::Values marks = roles.values("landmarks", {2 * kLandmarks, height, width});

    std::vector<Detection> found;
    for (std::int64_t cell = 0; cell < height * width; ++cell) {
        const float score = scores.at(0, cell);
        if (!(score > contract.score_threshold)) continue;
        // Each head holds the vertical value first.
        const float box_height = std::exp(scale.at(0, cell)) * kStride,
                    box_width = std::exp(scale.at(1, cell)) * kStride;
        const float y = (static_cast<float>(cell / width) + offset.at(0, cell) + 0.5f) * kStride;
        const float x = (static_cast<float>(cell % width) + offset.at(1, cell) + 0.5f) * kStride;
        if (!std::isfinite(x + y + box_width + box_height)) continue;
        const Point corner{x - box_width / 2, y - box_height / 2};
        Detection detection{{corner.x, corner.y, corner.x + box_width, corner.y + box_height}, score, 0, {}};
        for (std::int64_t k = 0; k < kLandmarks; ++k)
            detection.landmarks.push_back(
                {corner.x + marks.at(2 * k + 1, cell) * box_width, corner.y + marks.at(2 * k, cell) * box_height});
        found.push_back(std::move(detection));
    }
    return found;
}

}  // namespace fovea::vision
