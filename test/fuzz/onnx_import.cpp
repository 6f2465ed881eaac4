#include <cstddef>
#include <cstdint>
#include <memory>

#include "fovea/error.hpp"
#include "onnx/export.hpp"
#include "onnx/import.hpp"

/// Any bytes are either refused with an Error or become a graph that can be exported.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto copy = std::make_shared<std::vector<std::uint8_t>>(data, data + size);
    try {
        const auto graph = fovea::onnx::import_model_bytes({copy, std::as_bytes(std::span(*copy))});
        fovea::onnx::export_bytes(graph);
    } catch (const fovea::Error&) {
        // A refusal is the expected answer to most inputs.
    }
    return 0;
}
