#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fovea::onnx {

/// Elements of one TensorProto as they stand in the file: the content of one of its data fields.
struct Payload {
    struct Chunk {
        int field;  ///< field number in TensorProto: raw_data, float_data, ...
        std::span<const std::byte> bytes;
    };
    std::vector<Chunk> chunks;
};

/// A model whose tensors' elements have been left in the file. `message` is a serialised ModelProto in which the
/// `raw_data` of every tensor that has elements holds the 8-byte index of its payload, and no other data field is set.
struct Skeleton {
    std::string message;
    std::vector<Payload> payloads;
};

/// Walks the wire format of a ModelProto without building objects. Throws `invalid_model` when it is truncated or
/// malformed, when bodies nest too deeply, and when it would take out of proportion more memory than the file is long.
Skeleton read_skeleton(std::span<const std::byte> model);

}  // namespace fovea::onnx
