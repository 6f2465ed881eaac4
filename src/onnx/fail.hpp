#pragma once

#include <string>

#include "fovea/error.hpp"

namespace fovea::onnx {

inline constexpr ErrorCode kBroken = ErrorCode::invalid_model;
inline constexpr ErrorCode kUnsupported = ErrorCode::unsupported;
inline constexpr ErrorCode kLimit = ErrorCode::out_of_range;

/// Remedies that several places name.
inline constexpr const char* kExportAgain = "export the model again";
inline constexpr const char* kFlatten = "flatten the model before the import";

/// Throws an error whose message reads "rule › remedy".
[[noreturn]] inline void fail(ErrorCode code, const std::string& rule, const std::string& remedy) {
    throw Error(code, rule + " › " + remedy);
}

}  // namespace fovea::onnx
