#include "compiler/typing.hpp"

#include "fovea/error.hpp"

namespace fovea::compiler {

ir::Graph assign_types(const ir::Graph& graph, DType precision, const std::map<std::string, DType>& pins, std::vector<plan::Choice>& choices) {
    if (precision != DType::f32)
        throw Error(ErrorCode::unsupported, "the precision " + std::string(fovea::to_string(precision)) + " is not offered on this backend; use fp32");
    for (const auto& [name, type] : pins)
        if (type != DType::f32) throw Error(ErrorCode::contract, "the pin cannot be obeyed in an fp32 plan").in("node " + name);
    for (const ir::NodeId id : graph.order())
        for (const std::string& origin : graph.node(id).origins) choices.push_back({origin, "f32", {}});
    return graph;
}

}  // namespace fovea::compiler
