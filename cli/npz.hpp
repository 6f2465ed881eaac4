#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/tensor.hpp"

namespace fovea::cli {

/// Tensors by name.
using Tensors = std::map<std::string, Tensor>;

/// Reads NumPy's archive of arrays (`numpy.savez`, `numpy.savez_compressed`), or a single `.npy` as the tensor "".
/// Errors name file and array.
Tensors read_npz(const std::filesystem::path& path);

/// Writes an uncompressed archive, atomically; see `write_npy` for the types.
void write_npz(const std::filesystem::path& path, const Tensors& tensors);

}  // namespace fovea::cli
