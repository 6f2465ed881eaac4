#pragma once

#include <string_view>

#include "onnx/versions.hpp"

namespace fovea::onnx {

/// The domain of operators that ONNX Runtime adds.
inline constexpr std::string_view kMicrosoft = "com.microsoft";

/// How operator `op` of that domain is written with the main domain's; nullptr for all but those that ONNX Runtime's
/// quantiser writes (ContribOperators.md of ONNX Runtime).
Convert find_microsoft(std::string_view op);

}  // namespace fovea::onnx
