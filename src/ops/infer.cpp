#include "ops/infer.hpp"

#include <algorithm>

#include "base/dispatch.hpp"
#include "base/limits.hpp"
#include "fovea/error.hpp"
#include "ops/evaluate.hpp"

namespace fovea::ops {
namespace {

std::vector<ValueInfo> infer_node_at(const ir::Node& node, std::vector<const ValueInfo*> inputs,
                                     const InferOptions& options, int depth);

ValueTable infer_graph(const ir::Graph& graph, std::vector<ValueInfo> inputs, const InferOptions& options, int depth) {
    if (depth > base::limits::kMaxNesting) throw Error(ErrorCode::invalid_model, "bodies nest too deeply");
    ValueTable table(static_cast<std::size_t>(graph.value_count()));
    for (ir::ValueId id = 0; id < graph.value_count(); ++id)
        if (const Tensor* tensor = graph.constant(id))
            table[static_cast<std::size_t>(id)] = {tensor->dtype(), ir::to_dims(tensor->shape()), *tensor,
                                                   std::nullopt};
    for (std::size_t i = 0; i < inputs.size() && i < graph.inputs.size(); ++i)
        table[static_cast<std::size_t>(graph.inputs[i])] = std::move(inputs[i]);
    for (const ir::NodeId id : graph.order()) {
        const ir::Node& node = graph.node(id);
        std::vector<const ValueInfo*> arguments;
        for (const ir::ValueId input : node.inputs)
            arguments.push_back(input == ir::kNone ? nullptr : &table[static_cast<std::size_t>(input)]);
        auto results = infer_node_at(node, std::move(arguments), options, depth);
        for (std::size_t i = 0; i < node.outputs.size(); ++i)
            if (node.outputs[i] != ir::kNone) table[static_cast<std::size_t>(node.outputs[i])] = std::move(results[i]);
    }
    return table;
}

/// Bodies may run for any time.
bool has_body(const ir::Node& node) {
    return std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& attribute) {
        return std::holds_alternative<std::shared_ptr<const ir::Graph>>(attribute.second);
    });
}

/// Operations that evaluating a node takes, roughly, as far as the outputs' shapes tell.
std::int64_t fold_cost(const ir::Node& node, const Op& op, const std::vector<Tensor>& arguments,
                       const std::vector<ValueInfo>& outputs) {
    constexpr std::int64_t kPerElement = 4, kPerElementUnknown = 64;
    ShapeContext context(node);
    std::int64_t elements = 0;
    for (const Tensor& argument : arguments) {
        context.inputs.push_back(argument.shape());
        context.input_types.push_back(argument.dtype());
        elements += argument.size();
    }
    context.constants = arguments;
    for (const ValueInfo& output : outputs) {
        const auto shape = ir::known_shape(output.dims);
        if (!shape) return elements * kPerElementUnknown;
        context.outputs.push_back(*shape);
        elements += base::element_count(*shape);
    }
    if (op.flops) return std::max(op.flops(context), elements * kPerElement);
    return elements * (op.elementwise ? kPerElement : kPerElementUnknown);
}

/// Whether to evaluate a node with these constant inputs; takes the cost out of the budget.
bool worth_folding(const ir::Node& node, const Op& op, const std::vector<Tensor>& arguments,
                   const std::vector<ValueInfo>& outputs, const InferOptions& options) {
    constexpr std::int64_t kFlopsPerElement = 1024, kTinyElements = 64;
    const std::int64_t cost = fold_cost(node, op, arguments, outputs);
    if (cost > options.fold_elements * kFlopsPerElement) return false;
    const bool tiny =
        std::all_of(arguments.begin(), arguments.end(), [](const Tensor& t) { return t.size() <= kTinyElements; }) &&
        std::all_of(outputs.begin(), outputs.end(), [](const ValueInfo& info) {
            const auto shape = ir::known_shape(info.dims);
            return !shape || base::element_count(*shape) <= kTinyElements;
        });
    if (!options.fold_budget || (tiny && cost <= kTinyElements * kFlopsPerElement)) return true;
    if (cost > *options.fold_budget) return false;
    *options.fold_budget -= cost;
    return true;
}

/// Replaces the inferred outputs by evaluated ones when the inputs are constant and everything is small.
void fold_small(const ir::Node& node, const Op& op, const std::vector<const ValueInfo*>& inputs,
                std::vector<ValueInfo>& outputs, const InferOptions& options) {
    const std::int64_t limit = options.fold_elements;
    if (!op.deterministic || limit < 0 || has_body(node)) return;
    for (const ValueInfo* input : inputs)
        if (input && !(input->constant && input->constant.size() <= limit)) return;
    for (const ValueInfo& output : outputs) {
        // With constant inputs only the operators that select some of their input leave a shape unknown.
        const auto shape = ir::known_shape(output.dims);
        if (shape && base::element_count(*shape) > limit) return;
    }
    std::vector<Tensor> arguments;
    for (const ValueInfo* input : inputs) arguments.push_back(input ? input->constant : Tensor());
    if (!worth_folding(node, op, arguments, outputs, options)) return;
    auto tensors = evaluate(node, std::move(arguments));
    for (std::size_t i = 0; i < outputs.size() && i < tensors.size(); ++i)
        if (tensors[i]) outputs[i] = {tensors[i].dtype(), ir::to_dims(tensors[i].shape()), tensors[i], std::nullopt};
}

/// A small tensor of integers or bools whose elements all turned out to be known is constant.
void fold_content(ValueInfo& info) {
    const auto content = ir::known_shape(info.content);
    const auto shape = ir::known_shape(info.dims);
    if (info.constant || !content || !shape) return;
    if (!base::is_integer(info.dtype) && info.dtype != DType::boolean) return;
    if (base::element_count(*shape) != static_cast<std::int64_t>(content->size())) return;
    info.constant = Tensor::vector(*content).cast(info.dtype).reshaped(*shape);
}

std::vector<ValueInfo> infer_node_at(const ir::Node& node, std::vector<const ValueInfo*> inputs,
                                     const InferOptions& options, int depth) {
    const Op& op = check(node);
    const auto body = [&](const ir::Graph& graph, std::vector<ValueInfo> arguments) {
        const ValueTable table = infer_graph(graph, std::move(arguments), options, depth + 1);
        std::vector<ValueInfo> results;
        for (const ir::Output& output : graph.outputs) results.push_back(table[static_cast<std::size_t>(output.value)]);
        return results;
    };
    InferContext context(node, inputs, body);
    try {
        op.infer(context);
        for (const ValueInfo& output : context.outputs())
            if (const auto shape = ir::known_shape(output.dims))
                if (base::element_count(*shape) > base::limits::kMaxElements)
                    context.fail("the output " + base::to_string(*shape) + " exceeds the limit of 2^36 elements");
        for (ValueInfo& output : context.outputs()) fold_content(output);
        fold_small(node, op, inputs, context.outputs(), options);
    } catch (Error& error) {
        if (error.context().empty()) error.in("node " + node.name + " (" + node.op + ")");
        throw;
    }
    return std::move(context.outputs());
}

}  // namespace

std::vector<ValueInfo> infer_node(const ir::Node& node, std::vector<const ValueInfo*> inputs,
                                  const InferOptions& options) {
    return infer_node_at(node, std::move(inputs), options, 0);
}

ValueTable infer(const ir::Graph& graph, const InferOptions& options) {
    std::vector<ValueInfo> inputs;
    for (const ir::ValueId id : graph.inputs) {
        const ir::Value& value = graph.value(id);
        const auto shape = options.input_shapes.find(value.name);
        inputs.push_back({value.dtype, shape == options.input_shapes.end() ? value.dims : ir::to_dims(shape->second),
                          Tensor(), std::nullopt});
    }
    return infer_graph(graph, std::move(inputs), options, 0);
}

void annotate(ir::Graph& graph, const InferOptions& options) {
    const ValueTable table = infer(graph, options);
    for (ir::ValueId id = 0; id < graph.value_count(); ++id) {
        const ValueInfo& info = table[static_cast<std::size_t>(id)];
        if (info.dtype == DType::undefined) continue;
        graph.value(id).dtype = info.dtype;
        graph.value(id).dims = info.dims;
    }
}

}  // namespace fovea::ops
