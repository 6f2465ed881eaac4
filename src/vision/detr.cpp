#include <algorithm>
#include <cmath>

#include "vision/decoders.hpp"

namespace fovea::vision {
namespace {

/// Probability of each of `classes` labels; logits of a softmax hold one more, "no object".
std::vector<float> probabilities(const float* logits, std::int64_t classes, Activation activation) {
    std::vector<float> result(logits, logits + classes);
    if (activation == Activation::sigmoid) {
        for (float& value : result) value = 1.0f / (1.0f + std::exp(-value));
        return result;
    }
    const float largest = *std::max_element(logits, logits + classes + 1);
    float sum = std::exp(logits[classes] - largest);
    for (float& value : result) sum += value = std::exp(value - largest);
    for (float& value : result) value /= sum;
    return result;
}

}  // namespace

std::vector<Detection> decode_detr(const OutputContract& contract, const Roles& roles, const Placement& placement) {
    const bool softmax = contract.activation == Activation::softmax;
    const std::int64_t extra = softmax ? 1 : 0, named = static_cast<std::int64_t>(contract.labels.size());
    const Roles::Values logits = roles.values("logits", {-1, named > 0 ? named + extra : -1});
    const Roles::Values boxes = roles.values("boxes", {logits.shape()[0], 4});
    const std::int64_t classes = logits.cells - extra;
    const auto width = static_cast<float>(placement.width), height = static_cast<float>(placement.height);

    std::vector<Detection> found;
    for (std::int64_t query = 0; query < logits.shape()[0] && classes > 0; ++query) {
        const std::vector<float> scores = probabilities(logits.row(query), classes, contract.activation);
        const float x = boxes.at(query, 0) * width, y = boxes.at(query, 1) * height;
        const float half_width = boxes.at(query, 2) * width / 2, half_height = boxes.at(query, 3) * height / 2;
        const Box box{x - half_width, y - half_height, x + half_width, y + half_height};
        if (!std::isfinite(box.x1 + box.y1 + box.x2 + box.y2)) continue;
        // With a softmax the labels of a query exclude each other; with sigmoids each stands for itself.
        const auto best = std::max_element(scores.begin(), scores.end());
        for (auto score = softmax ? best : scores.begin(); score != scores.end(); ++score) {
            if (*score > contract.score_threshold) found.push_back({box, *score, score - scores.begin(), {}});
            if (softmax) break;
        }
    }
    return found;
}

}  // namespace fovea::vision
