#pragma once

#include <cstdint>

#include "fovea/dtype.hpp"

namespace fovea::ops {

/// Element type behind a number of ONNX's `TensorProto.DataType`, as attributes such as Cast's `to`, EyeLike's `dtype`
/// and QuantizeLinear's `output_dtype` hold it; `undefined` for numbers that fovea has no type for (strings, complex
/// numbers).
DType dtype_from_onnx(std::int64_t number);

/// Inverse of `dtype_from_onnx`; 0 for `undefined`.
std::int64_t onnx_number(DType type);

}  // namespace fovea::ops
