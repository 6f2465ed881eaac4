#include "vision/detection.hpp"

#include <algorithm>
#include <utility>

namespace fovea::vision {

float Box::area() const { return std::max(0.0f, x2 - x1) * std::max(0.0f, y2 - y1); }

float intersection_over_union(const Box& a, const Box& b) {
    const Box common{std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
    const float shared = common.area(), covered = a.area() + b.area() - shared;
    return covered > 0.0f ? shared / covered : 0.0f;
}

std::vector<Detection> suppress(std::vector<Detection> detections, float iou_threshold, SuppressAcross across) {
    std::stable_sort(detections.begin(), detections.end(),
                     [](const Detection& a, const Detection& b) { return a.score > b.score; });
    std::vector<Detection> kept;
    for (Detection& candidate : detections) {
        const bool covered = std::any_of(kept.begin(), kept.end(), [&](const Detection& better) {
            return (across == SuppressAcross::all_labels || better.label == candidate.label) &&
                   intersection_over_union(better.box, candidate.box) > iou_threshold;
        });
        if (!covered) kept.push_back(std::move(candidate));
    }
    return kept;
}

}  // namespace fovea::vision
