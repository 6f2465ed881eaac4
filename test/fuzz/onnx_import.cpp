#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "fovea/error.hpp"
#include "onnx/export.hpp"
#include "onnx/import.hpp"
#include "pass/pipeline.hpp"

/// Any bytes are either refused with an Error or become a graph that can be simplified and exported.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto copy = std::make_shared<std::vector<std::uint8_t>>(data, data + size);
    try {
        auto graph = fovea::onnx::import_model_bytes({copy, std::as_bytes(std::span(*copy))});
        fovea::onnx::export_bytes(graph);
        fovea::pass::simplify(graph);
    } catch (const fovea::Error& error) {
        // A refusal is the expected answer to most inputs.
        if (error.code() == fovea::ErrorCode::internal) {
            std::fputs(error.what(), stderr);
            std::abort();
        }
    }
    return 0;
}
