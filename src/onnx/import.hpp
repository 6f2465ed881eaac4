#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/file.hpp"
#include "ir/graph.hpp"

namespace fovea::onnx {

struct ImportOptions {
    /// Shapes of graph inputs by name; they override the declared ones, wrong ones included.
    std::map<std::string, ir::Dims, std::less<>> shapes;
};

/// Reads an ONNX model: operator sets 1 to 28 of the main domain, converted to the newest semantics; functions are
/// inlined, bodies closed (see `ir::Node`), initialisers and Constant nodes become constants. Large constants stay in
/// the mapped file where its alignment allows. Types and shapes of all values are inferred.
///
/// Errors read "file › node › attribute › rule › remedy": `invalid_model`, `unsupported`, `out_of_range` (a limit of
/// base/limits.hpp), `io`, and `invalid_argument` for overrides that fit no input.
ir::Graph import_model(const std::filesystem::path& path, const ImportOptions& options = {});

/// The same for a model in memory; constants refer to `model` when it has an owner, else they are copied. External data
/// is refused. `name` stands for the file in errors.
ir::Graph import_model_bytes(base::MappedFile model, const ImportOptions& options = {},
                             const std::string& name = "model");

}  // namespace fovea::onnx
