#include "ops/body.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

const ir::Graph& branch(const NodeView& node, bool condition) {
    node.require(formal_inputs(node, 1) == 1, "expected one input before the captured ones");
    const ir::Graph& body = body_of(node, condition ? "then_branch" : "else_branch", node.node().inputs.size() - 1);
    node.require(body.outputs.size() == node.node().outputs.size(),
                 "expected branches of " + std::to_string(node.node().outputs.size()) + " outputs, found " +
                     std::to_string(body.outputs.size()));
    return body;
}

std::vector<ValueInfo> captured(const InferContext& c) {
    std::vector<ValueInfo> infos;
    for (std::size_t i = 1; i < c.input_count(); ++i) infos.push_back(c.input(i));
    return infos;
}

void infer(InferContext& c) {
    c.require(c.dtype(0) == DType::boolean, "input 0: expected bool, found " + std::string(to_string(c.dtype(0))));
    const ir::Graph &yes = branch(c, true), &no = branch(c, false);
    if (const Tensor* condition = c.constant(0)) {
        auto results = c.infer_body(truth(c, *condition) ? yes : no, captured(c));
        for (std::size_t i = 0; i < results.size(); ++i) c.set_output(i, std::move(results[i]));
        return;
    }
    const auto a = c.infer_body(yes, captured(c)), b = c.infer_body(no, captured(c));
    for (std::size_t i = 0; i < a.size(); ++i) c.set_output(i, either(c, a[i], b[i]));
}

void evaluate(EvalContext& c) {
    std::vector<Tensor> arguments;
    for (std::size_t i = 1; i < c.input_count(); ++i) arguments.push_back(c.input(i));
    auto results = c.evaluate_body(branch(c, truth(c, c.input(0))), std::move(arguments));
    for (std::size_t i = 0; i < results.size(); ++i) c.set_output(i, std::move(results[i]));
}

const Op kOperators[] = {{.name = "If",
                          .inputs = {1, Arity::kAny},
                          .outputs = {1, Arity::kAny},
                          .attributes = {{"then_branch", AttributeKind::graph, true},
                                         {"else_branch", AttributeKind::graph, true},
                                         {"captures", AttributeKind::integer}},
                          .infer = infer,
                          .evaluate = evaluate}};

}  // namespace

std::span<const Op> if_operators() { return kOperators; }

}  // namespace fovea::ops
