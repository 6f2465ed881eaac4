#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "onnx/functions.hpp"
#include "onnx/graph_builder.hpp"
#include "onnx/schema.hpp"
#include "onnx/tensors.hpp"

namespace fovea::onnx {

/// What all graphs of one import share.
struct ModelContext {
    TensorReader tensors;
    Functions functions;
    std::map<std::string, ir::Dims, std::less<>> shapes;  ///< overrides of the graph inputs' shapes
    std::int64_t fold_budget = std::int64_t{1} << 24;     ///< see `ops::InferOptions`
};

/// What names mean at one place of the model: in a graph, in a body, or in the function that a node calls.
struct Scope {
    ModelContext& model;
    GraphBuilder& builder;
    const OpsetVersions& opsets;
    Scope* outer = nullptr;              ///< around a body; a function sees nothing of its surroundings
    const FunctionCall* call = nullptr;  ///< set in a function
    std::string prefix;                  ///< of the names that a function's content gets
    int depth = 0;                       ///< bodies and function calls around
    std::unordered_map<std::string, ir::ValueId> names;
    std::vector<std::pair<ir::ValueId, ir::ValueId>> captures;  ///< of a body: outer value, body input

    /// The value called `name`; in a body, one of the surroundings becomes a further input (a constant: a copy).
    /// `kNone` for an input that a function call omits; nothing where the name has no meaning.
    std::optional<ir::ValueId> resolve(const std::string& name);
    /// Gives `name` its meaning; throws when it has one already.
    void define(const std::string& name, ir::ValueId id);
};

/// The main graph. Parts of `proto` are freed as soon as they have been read.
ir::Graph read_graph(ModelContext& model, const OpsetVersions& opsets, schema::GraphProto& proto);

/// A body; `types` are those of the node's inputs that stand behind the body's formal inputs. Returns the graph and, in
/// the order of its further inputs, the outer values it takes.
struct Body {
    ir::Graph graph;
    std::vector<ir::ValueId> captures;
};
Body read_body(Scope& outer, const schema::GraphProto& proto, const std::vector<DType>& types);

/// The constants that a graph or body holds.
void read_initializers(Scope& scope, const schema::GraphProto& proto);

/// Adds all nodes in an order that satisfies their inputs.
void read_nodes(Scope& scope, const google::protobuf::RepeatedPtrField<schema::NodeProto>& nodes);

/// Adds one node, or what it stands for.
void read_node(Scope& scope, const schema::NodeProto& proto);

/// An attribute that holds no graph.
ir::Attribute read_attribute(TensorReader& tensors, const schema::AttributeProto& proto);

/// Checks and shortens for messages: names must be non-empty and of bounded length.
const std::string& checked_name(const std::string& name, const char* what);

}  // namespace fovea::onnx
