#include "compiler/typing.hpp"

#include "fovea/error.hpp"
#include "precision/convert.hpp"

namespace fovea::compiler {

void check_offered(const backend::Backend& backend, DType type) {
    const auto refusal = backend.precision_refusal(type);
    if (!refusal) return;
    std::string offered;
    for (const auto& [offer, name] : {std::pair{DType::f32, "fp32"}, {DType::bf16, "bf16"}, {DType::f16, "fp16"}})
        if (!backend.precision_refusal(offer)) offered += (offered.empty() ? "" : " or ") + std::string(name);
    throw Error(ErrorCode::unsupported, "the precision " + std::string(to_string(type)) +
                                            " is not offered: " + refusal->detail + "; use " + offered +
                                            " (models that are stored in f16 run in any of them)");
}

ir::Graph assign_types(const ir::Graph& graph, DType type, const std::map<std::string, DType>& pins,
                       std::vector<plan::Choice>& choices) {
    ir::Graph typed = graph;
    const auto add = [&](ir::NodeId id, DType chosen, const std::string& reason) {
        for (const std::string& origin : typed.node(id).origins)
            choices.push_back({origin, std::string(to_string(chosen)), reason});
    };
    if (type == DType::f32) {
        for (const auto& [name, pinned] : pins) {
            if (pinned != DType::f32)
                throw Error(ErrorCode::contract, "the pin to " + std::string(to_string(pinned)) +
                                                     " cannot be obeyed in an fp32 plan; ask for --precision " +
                                                     std::string(to_string(pinned)))
                    .in("node " + name);
            precision::check_pinned(typed, name);
        }
        for (const ir::NodeId id : typed.order()) {
            const auto& outputs = typed.node(id).outputs;
            add(id, outputs.empty() || outputs[0] == ir::kNone ? DType::undefined : typed.value(outputs[0]).dtype, {});
        }
        return typed;
    }
    for (const precision::Choice& choice : precision::convert(typed, {type, pins}))
        add(choice.node, choice.type, choice.reason);
    return typed;
}

}  // namespace fovea::compiler
