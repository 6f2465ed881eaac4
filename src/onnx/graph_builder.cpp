#include "onnx/graph_builder.hpp"

#include <algorithm>

#include "ops/infer.hpp"

namespace fovea::onnx {

ir::ValueId GraphBuilder::add(ir::Value value, ops::ValueInfo info, const std::string& origin) {
    value.name = graph_.unique_name(value.name);
    if (!origin.empty()) value.origins = {origin};
    infos_.push_back(std::move(info));
    return graph_.add_value(std::move(value));
}

ir::ValueId GraphBuilder::add_input(const std::string& name, ops::ValueInfo info, const std::string& origin) {
    const ir::ValueId id = add({.name = name}, std::move(info), origin);
    graph_.inputs.push_back(id);
    return id;
}

ir::ValueId GraphBuilder::add_constant(const std::string& name, Tensor tensor, const std::string& origin) {
    ops::ValueInfo info{tensor.dtype(), ir::to_dims(tensor.shape()), tensor, std::nullopt};
    return add({.name = name, .constant = std::move(tensor)}, std::move(info), origin);
}

ir::ValueId GraphBuilder::add_result(const std::string& name, const std::string& origin) {
    return add({.name = name}, {}, origin);
}

void GraphBuilder::add_node(ir::Node node) {
    std::vector<const ops::ValueInfo*> inputs;
    for (const ir::ValueId id : node.inputs) inputs.push_back(id == ir::kNone ? nullptr : &info(id));
    auto results = ops::infer_node(node, std::move(inputs), {.fold_budget = fold_budget_});
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
        if (node.outputs[i] != ir::kNone) infos_[static_cast<std::size_t>(node.outputs[i])] = std::move(results[i]);
    graph_.add_node(std::move(node));
}

ir::Graph GraphBuilder::finish() {
    for (ir::ValueId id = 0; id < graph_.value_count(); ++id) {
        graph_.value(id).dtype = info(id).dtype;
        graph_.value(id).dims = info(id).dims;
        auto& origins = graph_.value(id).origins;
        std::sort(origins.begin(), origins.end());
        origins.erase(std::unique(origins.begin(), origins.end()), origins.end());
    }
    return graph_.compact();
}

}  // namespace fovea::onnx
