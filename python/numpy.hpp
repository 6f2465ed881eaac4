#pragma once

#include <nanobind/nanobind.h>

#include "base/tensor.hpp"

namespace fovea::python {

/// A tensor with the content of a NumPy array, or of anything that `numpy.asarray` accepts. It refers to the array's
/// memory, which it keeps alive, where that is contiguous. The types of `ml_dtypes` (bfloat16, float8_e4m3fn, int4,
/// ...) are understood when arrays of them come in. Throws `invalid_argument` for types that fovea does not have.
Tensor tensor_from_array(nanobind::handle array);

/// A NumPy array over the tensor's memory, which it keeps alive. Types that NumPy itself lacks take `ml_dtypes`; throws
/// `unsupported` when that package is not installed.
nanobind::object array_from_tensor(const Tensor& tensor);

}  // namespace fovea::python
