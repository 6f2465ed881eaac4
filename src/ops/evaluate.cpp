#include "ops/evaluate.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "fovea/error.hpp"
#include "ops/infer.hpp"

namespace fovea::ops {
namespace {

std::vector<Tensor> evaluate_graph(const ir::Graph& graph, std::vector<Tensor> inputs, int depth);

/// Types and shapes of the outputs, inferred from the actual inputs.
std::vector<ValueInfo> output_infos(const ir::Node& node, const std::vector<Tensor>& inputs) {
    std::vector<ValueInfo> infos(inputs.size());
    std::vector<const ValueInfo*> pointers(inputs.size(), nullptr);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (!inputs[i]) continue;
        infos[i] = {inputs[i].dtype(), ir::to_dims(inputs[i].shape()), inputs[i], std::nullopt};
        pointers[i] = &infos[i];
    }
    return infer_node(node, std::move(pointers), {.fold_elements = -1});
}

/// Whether boxes of the node's one used output can be evaluated.
bool boxes(const ir::Node& node, const Op& op) {
    const auto used = [](ir::ValueId id) { return id != ir::kNone; };
    return op.evaluate_box && (!op.evaluate || (used(node.outputs.front()) &&
                                                std::count_if(node.outputs.begin(), node.outputs.end(), used) == 1));
}

std::vector<Tensor> evaluate_whole_by_box(const ir::Node& node, const ValueInfo& info, std::vector<Tensor> inputs) {
    const auto shape = ir::known_shape(info.dims);
    if (!shape) NodeView(node).fail("the shape of the output does not follow from the inputs");
    std::vector<Window> windows;
    for (Tensor& input : inputs) windows.push_back(input ? Window::whole(std::move(input)) : Window{});
    return {evaluate_box(node, std::move(windows), info.dtype, *shape, Box::whole(*shape))};
}

std::vector<Tensor> evaluate_node(const ir::Node& node, std::vector<Tensor> inputs, int depth) {
    const std::vector<ValueInfo> infos = output_infos(node, inputs);
    const Op* op = find(node.op);
    if (boxes(node, *op)) return evaluate_whole_by_box(node, infos.front(), std::move(inputs));
    EvalContext context(node, std::move(inputs), [depth](const ir::Graph& body, std::vector<Tensor> arguments) {
        return evaluate_graph(body, std::move(arguments), depth + 1);
    });
    try {
        op->evaluate(context);
    } catch (Error& error) {
        if (error.context().empty()) error.in("node " + node.name + " (" + node.op + ")");
        throw;
    }
    return std::move(context.outputs());
}

std::vector<Tensor> evaluate_graph(const ir::Graph& graph, std::vector<Tensor> inputs, int depth) {
    if (depth > base::limits::kMaxNesting) throw Error(ErrorCode::invalid_model, "bodies nest too deeply");
    std::vector<Tensor> values(static_cast<std::size_t>(graph.value_count()));
    std::vector<int> uses(values.size(), 0);
    for (ir::ValueId id = 0; id < graph.value_count(); ++id)
        if (const Tensor* tensor = graph.constant(id)) values[static_cast<std::size_t>(id)] = *tensor;
    for (std::size_t i = 0; i < graph.inputs.size() && i < inputs.size(); ++i)
        values[static_cast<std::size_t>(graph.inputs[i])] = std::move(inputs[i]);
    const auto order = graph.order();
    for (const ir::NodeId id : order)
        for (const ir::ValueId input : graph.node(id).inputs)
            if (input != ir::kNone) ++uses[static_cast<std::size_t>(input)];
    for (const ir::Output& output : graph.outputs) ++uses[static_cast<std::size_t>(output.value)];
    for (const ir::NodeId id : order) {
        const ir::Node& node = graph.node(id);
        std::vector<Tensor> arguments;
        for (const ir::ValueId input : node.inputs)
            arguments.push_back(input == ir::kNone ? Tensor() : values[static_cast<std::size_t>(input)]);
        auto results = evaluate_node(node, std::move(arguments), depth);
        for (std::size_t i = 0; i < node.outputs.size() && i < results.size(); ++i)
            if (node.outputs[i] != ir::kNone) values[static_cast<std::size_t>(node.outputs[i])] = std::move(results[i]);
        for (const ir::ValueId input : node.inputs)
            if (input != ir::kNone && --uses[static_cast<std::size_t>(input)] == 0)
                values[static_cast<std::size_t>(input)] = Tensor();
    }
    std::vector<Tensor> results;
    for (const ir::Output& output : graph.outputs) results.push_back(values[static_cast<std::size_t>(output.value)]);
    return results;
}

}  // namespace

std::vector<Tensor> evaluate(const ir::Node& node, std::vector<Tensor> inputs) {
    return evaluate_node(node, std::move(inputs), 0);
}

std::vector<Tensor> evaluate(const ir::Graph& graph, std::vector<Tensor> inputs) {
    return evaluate_graph(graph, std::move(inputs), 0);
}

bool has_boxes(const ir::Node& node) {
    const Op* op = find(node.op);
    return op && boxes(node, *op);
}

Tensor evaluate_box(const ir::Node& node, std::vector<Window> inputs, DType dtype, const Shape& output_shape,
                    const Box& box) {
    BoxContext context(node);
    context.inputs = std::move(inputs);
    context.output_shape = output_shape;
    context.box = box;
    context.output = Tensor(dtype, box.size);
    try {
        find(node.op)->evaluate_box(context);
    } catch (Error& error) {
        if (error.context().empty()) error.in("node " + node.name + " (" + node.op + ")");
        throw;
    }
    return std::move(context.output);
}

}  // namespace fovea::ops
