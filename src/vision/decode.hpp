#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.hpp"
#include "vision/contract.hpp"
#include "vision/preprocess.hpp"

namespace fovea::vision {

/// The network's outputs by name.
using Outputs = std::map<std::string, Tensor>;

/// What a network sees in one image, for each task of its contract.
struct Findings {
    /// In pixels of the image, sorted by score, cut at the image's borders.
    std::optional<std::vector<Detection>> detections;
    /// u8 [height, width]: the class of each pixel of the image; `kUnseen` where the network did not see it.
    std::optional<Tensor> labels;
    /// f32 [height, width]: metres for each pixel of the image; 0 where the network did not see it.
    std::optional<Tensor> depth;
};

/// Label of pixels that a crop kept from the network.
inline constexpr std::uint8_t kUnseen = 255;

/// Reads the outputs of batch entry `entry` for the image that `placement` describes. Throws `invalid_argument` when an
/// output is missing or has another type or shape than its decoder reads.
Findings decode(const std::vector<OutputContract>& contracts, const Outputs& outputs, const Placement& placement,
                std::int64_t entry = 0);

/// How much of the image a class covers.
struct ClassShare {
    std::int64_t label;
    double share;  ///< of all pixels
};

/// The classes that occur in a label map, the largest first; `kUnseen` counts as none.
std::vector<ClassShare> class_shares(const Tensor& labels);

/// Metres; pixels without depth are left out. All 0 where none has one.
struct DepthRange {
    float nearest = 0, median = 0, farthest = 0;
};
DepthRange depth_range(const Tensor& depth);

}  // namespace fovea::vision
