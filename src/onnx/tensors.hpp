#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/file.hpp"
#include "base/tensor.hpp"
#include "onnx/skeleton.hpp"

namespace onnx {
class TensorProto;
}

namespace fovea::onnx {

/// Files that hold elements outside the model: only regular files inside the model's own folder, reached without links,
/// under a single name. Each is mapped once.
class ExternalFiles {
  public:
    /// An empty `folder` allows no external file at all.
    explicit ExternalFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

    /// Mapping of the file at `location`, relative to the folder. Throws `invalid_model` or `io`.
    const base::MappedFile& open(const std::string& location);

  private:
    std::filesystem::path folder_;
    std::map<std::string, base::MappedFile, std::less<>> files_;
};

/// Turns TensorProtos of a skeleton into tensors. Elements that the file holds as memory would, at an aligned place,
/// are referenced where they are; the tensor then keeps the mapping alive. All others are copied once.
class TensorReader {
  public:
    TensorReader(base::MappedFile file, std::vector<Payload> payloads, std::filesystem::path folder)
        : file_(std::move(file)), payloads_(std::move(payloads)), external_(std::move(folder)) {}

    /// Throws `invalid_model` when data and dims contradict each other, `unsupported` for texts and complex numbers.
    Tensor read(const ::onnx::TensorProto& proto);

  private:
    Tensor read_external(const ::onnx::TensorProto& proto, DType type, Shape shape);

    base::MappedFile file_;
    std::vector<Payload> payloads_;
    ExternalFiles external_;
};

/// Bytes that `count` elements of `type` take in a file, where types under one byte are packed.
std::size_t packed_bytes(DType type, std::int64_t count);

}  // namespace fovea::onnx
