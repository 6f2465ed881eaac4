#include "compiler/typing.hpp"

#include "fovea/error.hpp"
#include "ops/infer.hpp"
#include "ops/onnx_type.hpp"
#include "precision/convert.hpp"

namespace fovea::compiler {

ir::Graph assign_types(const ir::Graph& graph, DType type, const std::map<std::string, DType>& pins,
                       std::vector<plan::Choice>& choices) {
    ir::Graph typed = graph;
    const auto add = [&](ir::NodeId id, DType chosen, const std::string& reason) {
        for (const std::string& origin : typed.node(id).origins)
            choices.push_back({origin, std::string(to_string(chosen)), reason});
    };
    if (type == DType::f32) {
        for (const auto& [name, pinned] : pins)
            if (pinned != DType::f32)
                throw Error(ErrorCode::contract, "the pin to " + std::string(to_string(pinned)) +
                                                     " cannot be obeyed in an fp32 plan; ask for --precision " +
                                                     std::string(to_string(pinned)))
                    .in("node " + name);
        for (const ir::NodeId id : typed.order()) {
            const auto& outputs = typed.node(id).outputs;
            add(id, outputs.empty() || outputs[0] == ir::kNone ? DType::undefined : typed.value(outputs[0]).dtype, {});
        }
        return typed;
    }
    if (type != DType::bf16)
        throw Error(ErrorCode::unsupported,
                    "the precision " + std::string(to_string(type)) + " is not offered on the CPU; use fp32 or bf16");
    for (const precision::Choice& choice : precision::convert(typed, {type, pins}))
        add(choice.node, choice.type, choice.reason);
    return typed;
}

ir::Graph widened(ir::Graph graph, DType type) {
    if (type == DType::f32) return graph;
    for (ir::ValueId id = 0; id < graph.value_count(); ++id) {
        ir::Value& value = graph.value(id);
        if (value.constant && value.dtype == type) value.constant = value.constant.cast(DType::f32);
    }
    for (ir::NodeId id = 0; id < graph.node_count(); ++id)
        for (const char* key : {"to", "dtype", "output_dtype"})
            if (ir::Node& node = graph.node(id); node.get<std::int64_t>(key, 0) == ops::onnx_number(type))
                node.attributes.insert_or_assign(key, ops::onnx_number(DType::f32));
    for (const ir::ValueId id : std::vector(graph.inputs)) {
        if (graph.value(id).dtype != type) continue;
        const ir::ValueId wide = graph.add_value({});
        graph.replace_uses(id, wide);
        graph.add_node(
            {.op = "Cast", .inputs = {id}, .outputs = {wide}, .attributes = {{"to", ops::onnx_number(DType::f32)}}});
    }
    ops::annotate(graph);
    return graph.compact();
}

}  // namespace fovea::compiler
