#pragma once

#include <filesystem>
#include <string>

#include "oracle.hpp"

namespace fovea::cli {

/// ONNX Runtime as the oracle: each call starts `python`, which must find the package onnxruntime, and exchanges arrays
/// with it through files in a temporary folder. A call throws `unsupported` with Python's last line where that fails.
Oracle onnxruntime_oracle(const std::filesystem::path& model, const std::string& python);

}  // namespace fovea::cli
