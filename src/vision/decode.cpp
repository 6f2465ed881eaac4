#include "vision/decode.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/shape.hpp"
#include "fovea/error.hpp"
#include "vision/decoders.hpp"

namespace fovea::vision {
namespace {

struct Decoder {
    std::string_view name;
    std::vector<Detection> (*decode)(const OutputContract&, const Roles&);
};

constexpr std::array kDecoders = {
    Decoder{"centerface", decode_centerface},
};

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

const Decoder& find(const std::string& name) {
    std::string known;
    for (const Decoder& decoder : kDecoders) {
        if (decoder.name == name) return decoder;
        known += (known.empty() ? "" : ", ") + std::string(decoder.name);
    }
    fail("unknown decoder '" + name + "'; expected one of " + known);
}

/// The part of `box` inside an image of `width` × `height`.
Box cut(const Box& box, float width, float height) {
    return {std::clamp(box.x1, 0.0f, width), std::clamp(box.y1, 0.0f, height), std::clamp(box.x2, 0.0f, width),
            std::clamp(box.y2, 0.0f, height)};
}

}  // namespace

Roles::Head Roles::head(const std::string& role, std::int64_t channels, std::int64_t height, std::int64_t width) const {
    const auto name = contract_.tensors.find(role);
    if (name == contract_.tensors.end()) fail("the contract's 'tensors' does not name the '" + role + "'");
    const auto output = outputs_.find(name->second);
    if (output == outputs_.end()) fail("the network has no output '" + name->second + "', which is its '" + role + "'");
    const Tensor& tensor = output->second;
    const Shape& shape = tensor.shape();
    const bool right = tensor.dtype() == DType::f32 && shape.size() == 4 && shape[0] > entry_ && shape[1] == channels &&
                       (height == 0 || (shape[2] == height && shape[3] == width));
    if (!right)
        fail("output '" + name->second + "': expected f32 [N, " + std::to_string(channels) + ", " +
             (height ? std::to_string(height) + ", " + std::to_string(width) : "h, w") + "] with N > " +
             std::to_string(entry_) + " for the '" + role + "', found " + std::string(to_string(tensor.dtype())) + " " +
             base::to_string(shape));
    return {tensor.as<float>().data() + entry_ * channels * shape[2] * shape[3], shape[2], shape[3]};
}

std::vector<Detection> decode(const OutputContract& contract, const Outputs& outputs, const Placement& placement,
                              std::int64_t entry) {
    const Roles roles(contract, outputs, entry);
    std::vector<Detection> found = find(contract.decoder).decode(contract, roles);
    found = suppress(std::move(found), contract.iou_threshold);
    const auto width = static_cast<float>(placement.image_width), height = static_cast<float>(placement.image_height);
    for (Detection& detection : found) {
        detection.box = cut(placement.to_image(detection.box), width, height);
        for (Point& point : detection.landmarks) point = placement.to_image(point);
    }
    return found;
}

}  // namespace fovea::vision
