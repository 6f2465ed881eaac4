#pragma once

#include <cstdint>
#include <vector>

namespace fovea::vision {

struct Point {
    float x = 0, y = 0;
};

/// Corners in pixels; pixel i covers [i, i + 1).
struct Box {
    float x1 = 0, y1 = 0, x2 = 0, y2 = 0;

    [[nodiscard]] float area() const;
};

/// Area of the intersection over area of the union; 0 where both are empty.
float intersection_over_union(const Box& a, const Box& b);

/// One object that a detector found.
struct Detection {
    Box box;
    float score = 0;
    std::int64_t label = 0;        ///< index into the contract's labels
    std::vector<Point> landmarks;  ///< for example eyes, nose and corners of the mouth; often empty
};

enum class SuppressAcross {
    same_label,  ///< boxes suppress boxes of their own label only
    all_labels,
};

/// Greedy non-maximum suppression: walks the detections from the highest score down (equal scores in the given order)
/// and drops those that overlap a kept one by more than `iou_threshold`. The result is sorted by score.
std::vector<Detection> suppress(std::vector<Detection> detections, float iou_threshold,
                                SuppressAcross across = SuppressAcross::same_label);

}  // namespace fovea::vision
