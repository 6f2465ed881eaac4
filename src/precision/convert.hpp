#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/graph.hpp"

namespace fovea::precision {

struct Policy {
    DType type = DType::bf16;  ///< bf16 or f16: what f32 tensors become between operators
    /// Type by the user's node name; wins over everything else. f32 or `type`.
    std::map<std::string, DType> pins;
};

/// The type that one node computes in.
struct Choice {
    ir::NodeId node;          ///< in the converted graph
    std::string name;         ///< of the node
    DType type = DType::f32;  ///< of its floating-point outputs; of output 0 where there are none
    std::string reason;       ///< why it is not what was asked for; empty where it is
};

/// Throws `invalid_argument` where the graph has no node of the name that a pin gives.
void check_pinned(const ir::Graph& graph, const std::string& name);

/// Rewrites an annotated f32 graph for a narrow floating-point type. Tensors between operators become narrow; inputs
/// and outputs of the graph keep their types behind explicit Cast nodes, one per tensor and type. Weights of Conv, Gemm
/// and MatMul become narrow constants, rounded so that the errors of one output cancel; biases, the numbers of
/// element-wise operators, parameters of normalisations and coordinates stay f32 (the result of such a node has the
/// type of its other input). Integer and boolean tensors and tensors of other
/// floating-point types are left alone. Nodes with a constant that would become infinite stay f32. Nodes whose result
/// only f32 readers want, and that do little work, stay f32.
///
/// Returns one choice per node of the result, Cast nodes that were added excepted. Throws `invalid_argument` for a type
/// other than bf16 or f16 and for a pin that names no node; `contract` for a pin that an operator cannot obey.
std::vector<Choice> convert(ir::Graph& graph, const Policy& policy);

}  // namespace fovea::precision
