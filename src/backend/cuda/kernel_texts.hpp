#pragma once

#include <span>
#include <string_view>
#include <utility>

namespace fovea::backend::cuda {

/// Name and text of every file of kernels/; the definition is written at configure time.
std::span<const std::pair<std::string_view, std::string_view>> kernel_texts();

}  // namespace fovea::backend::cuda
