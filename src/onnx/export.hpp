#pragma once

#include <filesystem>
#include <string>

#include "ir/graph.hpp"

namespace fovea::onnx {

/// The oldest operator set of the main domain in which every node of `graph` means what it means here, 17 at least.
/// Throws `unsupported` for a node whose operator is unknown.
std::int64_t required_opset(const ir::Graph& graph);

/// The graph as the bytes of an ONNX model, in the operator set that `required_opset` gives. Names of graph inputs and
/// outputs are kept, other names where they are unique. Throws `unsupported`, and `out_of_range` beyond 2 GB.
std::string export_bytes(const ir::Graph& graph);

struct ExportOptions {
    /// Weights go into a file of their own when they take more bytes together; protobuf ends at 2 GiB.
    std::size_t max_inline_bytes = 2'000'000'000;
};

/// Writes the model to `path`, and large weights to `path` + ".data" beside it.
void export_model(const ir::Graph& graph, const std::filesystem::path& path, const ExportOptions& options = {});

}  // namespace fovea::onnx
