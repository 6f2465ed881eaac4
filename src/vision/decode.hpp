#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/tensor.hpp"
#include "vision/contract.hpp"
#include "vision/preprocess.hpp"

namespace fovea::vision {

/// The network's outputs by name.
using Outputs = std::map<std::string, Tensor>;

/// Detections of batch entry `entry`, in pixels of the image that `placement` describes, sorted by score and cut at its
/// borders. Throws `invalid_argument` when the decoder is unknown or an output is missing or has another shape than it
/// reads.
std::vector<Detection> decode(const OutputContract& contract, const Outputs& outputs, const Placement& placement,
                              std::int64_t entry = 0);

}  // namespace fovea::vision
