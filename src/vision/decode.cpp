#include "vision/decode.hpp"

#include <algorithm>
#include <array>

#include "vision/decoders.hpp"

namespace fovea::vision {
namespace {

/// The part of `box` inside an image of `width` × `height`.
Box cut(const Box& box, float width, float height) {
    return {std::clamp(box.x1, 0.0f, width), std::clamp(box.y1, 0.0f, height), std::clamp(box.x2, 0.0f, width),
            std::clamp(box.y2, 0.0f, height)};
}

/// Sorted, limited in number, in pixels of the image.
std::vector<Detection> finish(const OutputContract& contract, std::vector<Detection> found,
                              const Placement& placement) {
    std::stable_sort(found.begin(), found.end(),
                     [](const Detection& a, const Detection& b) { return a.score > b.score; });
    const auto limit = static_cast<std::size_t>(contract.max_detections);
    if (limit > 0 && found.size() > limit) found.resize(limit);
    const auto width = static_cast<float>(placement.image_width), height = static_cast<float>(placement.image_height);
    for (Detection& detection : found) {
        detection.box = cut(placement.to_image(detection.box), width, height);
        for (Point& point : detection.landmarks) point = placement.to_image(point);
    }
    return found;
}

void decode_one(const OutputContract& contract, const Roles& roles, const Placement& placement, Findings& findings) {
    const auto detected = [&](std::vector<Detection> found) {
        findings.detections = finish(contract, std::move(found), placement);
    };
    switch (contract.decoder) {
        case Decoder::centerface: return detected(suppress(decode_centerface(contract, roles), contract.iou_threshold));
        case Decoder::ssd: return detected(suppress(decode_ssd(contract, roles, placement), contract.iou_threshold));
        case Decoder::detr: return detected(decode_detr(contract, roles, placement));
        case Decoder::segmentation: findings.labels = decode_segmentation(contract, roles, placement); return;
        case Decoder::depth: findings.depth = decode_depth(contract, roles, placement); return;
    }
}

}  // namespace

Findings decode(const std::vector<OutputContract>& contracts, const Outputs& outputs, const Placement& placement,
                std::int64_t entry) {
    Findings findings;
    for (const OutputContract& contract : contracts)
        decode_one(contract, Roles(contract, outputs, entry), placement, findings);
    return findings;
}

std::vector<ClassShare> class_shares(const Tensor& labels) {
    std::array<std::int64_t, 256> counts{};
    for (const std::uint8_t label : labels.as<std::uint8_t>()) ++counts[label];
    std::vector<ClassShare> shares;
    for (std::int64_t label = 0; label < kUnseen; ++label)
        if (const std::int64_t count = counts[static_cast<std::size_t>(label)]; count > 0)
            shares.push_back({label, static_cast<double>(count) / static_cast<double>(labels.size())});
    std::stable_sort(shares.begin(), shares.end(),
                     [](const ClassShare& a, const ClassShare& b) { return a.share > b.share; });
    return shares;
}

DepthRange depth_range(const Tensor& depth) {
    std::vector<float> metres;
    for (const float value : depth.as<float>())
        if (value > 0.0f) metres.push_back(value);
    if (metres.empty()) return {};
    const auto middle = metres.begin() + static_cast<std::ptrdiff_t>(metres.size() / 2);
    std::nth_element(metres.begin(), middle, metres.end());
    const float median = *middle;
    const auto [nearest, farthest] = std::minmax_element(metres.begin(), metres.end());
    return {*nearest, median, *farthest};
}

}  // namespace fovea::vision
