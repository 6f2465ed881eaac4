#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/tensor.hpp"

namespace fovea::cli {

/// One array in NumPy's file format, versions 1 to 3 (NumPy enhancement proposal 1). Big-endian, text, complex and
/// object arrays are `unsupported`; broken data is `io`. Fortran order becomes row-major.
Tensor read_npy(std::span<const std::byte> bytes);

/// Types that NumPy does not know are written as the next type that holds their values: f32 for bf16 and the 8- and
/// 4-bit floats, i8 and u8 for 4- and 2-bit integers.
std::string write_npy(const Tensor& tensor);

/// The type in which `write_npy` writes `type`.
DType numpy_dtype(DType type);

}  // namespace fovea::cli
