#include <algorithm>
#include <cmath>

#include "vision/decoders.hpp"

namespace fovea::vision {
namespace {

/// Centre and size in pixels.
struct CenteredBox {
    float x, y, width, height;
};

/// Width and height of the boxes at each cell of a level, in order.
std::vector<std::array<float, 2>> shapes_of(const DefaultBoxLevel& level) {
    const float small = level.min_size, between = std::sqrt(level.min_size * level.max_size);
    std::vector<std::array<float, 2>> shapes = {{small, small}, {between, between}};
    for (const float ratio : level.aspect_ratios) {
        const float longer = small * std::sqrt(ratio), shorter = small / std::sqrt(ratio);
        shapes.push_back({longer, shorter});
        shapes.push_back({shorter, longer});
    }
    return shapes;
}

std::vector<CenteredBox> default_boxes(const DefaultBoxes& contract, float input_width, float input_height) {
    std::vector<CenteredBox> boxes;
    for (const DefaultBoxLevel& level : contract.levels)
        for (const auto& [width, height] : shapes_of(level))
            for (std::int64_t row = 0; row < level.map[0]; ++row)
                for (std::int64_t column = 0; column < level.map[1]; ++column)
                    boxes.push_back({(static_cast<float>(column) + 0.5f) * level.step,
                                     (static_cast<float>(row) + 0.5f) * level.step, width, height});
    if (contract.clip)
        for (CenteredBox& box : boxes)
            box = {std::min(box.x, input_width), std::min(box.y, input_height), std::min(box.width, input_width),
                   std::min(box.height, input_height)};
    return boxes;
}

/// For each box, the logarithm of the sum over all classes of exp(score).
std::vector<float> log_sums(const Roles::Values& scores) {
    const auto count = static_cast<std::size_t>(scores.cells);
    std::vector<float> largest(scores.row(0), scores.row(0) + count), sums(count, 0.0f);
    for (std::int64_t label = 1; label < scores.shape()[0]; ++label)
        for (std::size_t box = 0; box < count; ++box) largest[box] = std::max(largest[box], scores.row(label)[box]);
    for (std::int64_t label = 0; label < scores.shape()[0]; ++label)
        for (std::size_t box = 0; box < count; ++box) sums[box] += std::exp(scores.row(label)[box] - largest[box]);
    for (std::size_t box = 0; box < count; ++box) sums[box] = largest[box] + std::log(sums[box]);
    return sums;
}

/// `box` moved and stretched by the network's corrections.
Box corrected(const CenteredBox& box, const Roles::Values& corrections, std::int64_t index,
              const std::array<float, 2>& variances) {
    const float x = box.x + corrections.at(0, index) * variances[0] * box.width;
    const float y = box.y + corrections.at(1, index) * variances[0] * box.height;
    const float width = box.width * std::exp(corrections.at(2, index) * variances[1]);
    const float height = box.height * std::exp(corrections.at(3, index) * variances[1]);
    return {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
}

}  // namespace

std::vector<Detection> decode_ssd(const OutputContract& contract, const Roles& roles, const Placement& placement) {
    const std::vector<CenteredBox> boxes = default_boxes(contract.default_boxes, static_cast<float>(placement.width),
                                                         static_cast<float>(placement.height));
    const auto count = static_cast<std::int64_t>(boxes.size());
    const std::int64_t classes = contract.labels.empty() ? -1 : static_cast<std::int64_t>(contract.labels.size()) + 1;
    const Roles::Values corrections = roles.values("boxes", {4, count});
    const Roles::Values scores = roles.values("scores", {classes, count});

    const std::vector<float> sums = log_sums(scores);
    std::vector<Detection> found;
    for (std::int64_t label = 1; label < scores.shape()[0]; ++label)
        for (std::int64_t i = 0; i < count; ++i) {
            const auto index = static_cast<std::size_t>(i);
            const float score = std::exp(scores.at(label, i) - sums[index]);
            if (!(score > contract.score_threshold)) continue;
            const Box box = corrected(boxes[index], corrections, i, contract.default_boxes.variances);
            if (std::isfinite(box.x1 + box.y1 + box.x2 + box.y2)) found.push_back({box, score, label - 1, {}});
        }
    return found;
}

}  // namespace fovea::vision
