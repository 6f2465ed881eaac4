#include <algorithm>

#include "base/limits.hpp"
#include "ops/body.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

/// Inputs of the node: trip count, condition, carried values, captured values; of the body: the same with the number of
/// the iteration first. Outputs of the node: carried values, stacked values; of the body: the condition before them.
struct Layout {
    const ir::Graph* body;
    std::size_t carried, stacked;
};

Layout layout_of(const NodeView& node) {
    const std::size_t carried = formal_inputs(node, 2) - 2;
    const ir::Graph& body = body_of(node, "body", node.node().inputs.size());
    node.require(body.outputs.size() >= 1 + carried, "attribute \"body\": expected at least " +
                                                         std::to_string(1 + carried) + " outputs, found " +
                                                         std::to_string(body.outputs.size()));
    const Layout layout{&body, carried, body.outputs.size() - 1 - carried};
    node.require(node.node().outputs.size() <= carried + layout.stacked,
                 "the body has no result for output " + std::to_string(carried + layout.stacked));
    return layout;
}

/// The body may declare its number and condition as scalars or as vectors of one element.
Shape declared_shape(const ir::Graph& body, std::size_t input) {
    const auto& dims = body.value(body.inputs[input]).dims;
    return dims && dims->size() == 1 ? Shape{1} : Shape{};
}

// ---- inference

std::vector<ValueInfo> infer_once(const InferContext& c, const Layout& layout, const std::vector<ValueInfo>& carried) {
    std::vector<ValueInfo> arguments;
    for (std::size_t i = 0; i < 2; ++i)
        arguments.push_back(
            {i == 0 ? DType::i64 : DType::boolean, ir::to_dims(declared_shape(*layout.body, i)), Tensor(), {}});
    arguments.insert(arguments.end(), carried.begin(), carried.end());
    for (std::size_t i = 2 + layout.carried; i < c.input_count(); ++i) arguments.push_back(c.input(i));
    return c.infer_body(*layout.body, std::move(arguments));
}

/// Takes what an iteration does to the shapes of the carried values into account; returns whether they stay as they
/// are.
bool settle(const InferContext& c, std::vector<ValueInfo>& carried, const std::vector<ValueInfo>& results) {
    bool settled = true;
    for (std::size_t i = 0; i < carried.size(); ++i) {
        ValueInfo next = varying(either(c, carried[i], results[1 + i]));
        settled = settled && next.dims == carried[i].dims;
        carried[i] = std::move(next);
    }
    return settled;
}

/// How often the body runs, where that is known before.
ir::Dim trip_count(const InferContext& c, const ValueInfo& condition_result) {
    const auto holds = [](const Tensor* tensor) {
        return tensor && *tensor && tensor->dtype() == DType::boolean && tensor->size() == 1 && tensor->as<bool>()[0];
    };
    if (!c.has(0) || (c.has(1) && !(holds(c.constant(1)) && holds(&condition_result.constant)))) return {};
    if (const auto count = c.constant_integers(0))
        return count->size() == 1 ? ir::Dim(std::max<std::int64_t>((*count)[0], 0)) : ir::Dim();
    const auto content = small_content(c, 0);
    return content && content->size() == 1 ? (*content)[0] : ir::Dim();
}

void infer(InferContext& c) {
    const Layout layout = layout_of(c);
    c.require(c.has(0) || c.has(1), "a loop without trip count and condition never ends");
    std::vector<ValueInfo> carried;
    for (std::size_t i = 0; i < layout.carried; ++i) carried.push_back(varying(c.input(2 + i)));
    auto results = infer_once(c, layout, carried);
    bool settled = settle(c, carried, results);
    if (!settled) {
        results = infer_once(c, layout, carried);
        settled = settle(c, carried, results);
    }
    for (std::size_t i = 0; i < layout.carried; ++i)
        c.set_output(i, carried[i].dtype, settled ? carried[i].dims : std::nullopt);
    const ir::Dim trips = trip_count(c, results[0]);
    for (std::size_t i = layout.carried; i < layout.carried + layout.stacked; ++i) {
        auto dims = settled ? results[1 + i].dims : std::nullopt;
        if (dims) dims->insert(dims->begin(), trips);
        c.set_output(i, results[1 + i].dtype, std::move(dims));
    }
}

// ---- evaluation

std::int64_t max_trips(const EvalContext& c) {
    if (!c.has(0)) return base::limits::kMaxIterations;
    const auto count = c.input(0).to_int64();
    c.require(count.size() == 1, "input 0: expected one trip count");
    return count[0];
}

void evaluate(EvalContext& c) {
    const Layout layout = layout_of(c);
    c.require(c.has(0) || c.has(1), "a loop without trip count and condition never ends");
    const std::int64_t trips = max_trips(c);
    bool proceed = !c.has(1) || truth(c, c.input(1));
    std::vector<Tensor> carried;
    for (std::size_t i = 0; i < layout.carried; ++i) carried.push_back(c.input(2 + i));
    std::vector<std::vector<Tensor>> stacked(layout.stacked);
    for (std::int64_t trip = 0; trip < trips && proceed; ++trip) {
        c.require(trip + 1 < base::limits::kMaxIterations, "the loop does not end");
        std::vector<Tensor> arguments = {Tensor::scalar(trip).reshaped(declared_shape(*layout.body, 0)),
                                         Tensor::scalar(proceed).reshaped(declared_shape(*layout.body, 1))};
        for (Tensor& value : carried) arguments.push_back(std::move(value));
        for (std::size_t i = 2 + layout.carried; i < c.input_count(); ++i) arguments.push_back(c.input(i));
        auto results = c.evaluate_body(*layout.body, std::move(arguments));
        // A loop without a condition ignores the one that its body computes.
        if (c.has(1)) proceed = truth(c, results[0]);
        for (std::size_t i = 0; i < layout.carried; ++i) carried[i] = std::move(results[1 + i]);
        for (std::size_t i = 0; i < layout.stacked; ++i)
            stacked[i].push_back(std::move(results[1 + layout.carried + i]));
    }
    for (std::size_t i = 0; i < layout.carried; ++i) c.set_output(i, std::move(carried[i]));
    for (std::size_t i = 0; i < layout.stacked; ++i) {
        const std::size_t output = layout.carried + i;
        if (!c.wants_output(output)) continue;
        c.set_output(output, stacked[i].empty() ? empty_stack(c, output) : stack(c, stacked[i], 0));
    }
}

const Op kOperators[] = {{.name = "Loop",
                          .inputs = {2, Arity::kAny},
                          .outputs = {1, Arity::kAny},
                          .omittable_inputs = 2,
                          .attributes = {{"body", AttributeKind::graph, true}, {"captures", AttributeKind::integer}},
                          .infer = infer,
                          .evaluate = evaluate}};

}  // namespace

std::span<const Op> loop_operators() { return kOperators; }

}  // namespace fovea::ops
