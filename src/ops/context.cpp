#include "base/limits.hpp"
#include "fovea/error.hpp"
#include "ops/op.hpp"

namespace fovea::ops {

void NodeView::fail(const std::string& message) const {
    throw Error(ErrorCode::invalid_model, message).in("node " + node_->name + " (" + node_->op + ")");
}

InferContext::InferContext(const ir::Node& node, std::vector<const ValueInfo*> inputs, InferBody infer_body)
    : NodeView(node), inputs_(std::move(inputs)), outputs_(node.outputs.size()), infer_body_(std::move(infer_body)) {}

const ValueInfo& InferContext::input(std::size_t i) const {
    require(has(i), "input " + std::to_string(i) + " is required but not given");
    return *inputs_[i];
}

const Tensor* InferContext::constant(std::size_t i) const {
    return has(i) && inputs_[i]->constant ? &inputs_[i]->constant : nullptr;
}

std::optional<std::vector<std::int64_t>> InferContext::constant_integers(std::size_t i) const {
    const Tensor* tensor = constant(i);
    if (!tensor) return std::nullopt;
    return tensor->to_int64();
}

std::optional<ir::Dims> InferContext::content(std::size_t i) const {
    if (!has(i)) return std::nullopt;
    if (inputs_[i]->content) return inputs_[i]->content;
    const auto numbers = constant_integers(i);
    if (!numbers) return std::nullopt;
    return ir::to_dims(*numbers);
}

void InferContext::set_output(std::size_t i, DType dtype, std::optional<ir::Dims> dims) {
    if (i >= outputs_.size()) return;
    outputs_[i].dtype = dtype;
    outputs_[i].dims = std::move(dims);
}

void InferContext::set_output(std::size_t i, ValueInfo info) {
    if (i < outputs_.size()) outputs_[i] = std::move(info);
}

void InferContext::set_content(std::size_t i, ir::Dims content) {
    if (i < outputs_.size()) outputs_[i].content = std::move(content);
}

std::vector<ValueInfo> InferContext::infer_body(const ir::Graph& body, std::vector<ValueInfo> inputs) const {
    return infer_body_(body, std::move(inputs));
}

EvalContext::EvalContext(const ir::Node& node, std::vector<Tensor> inputs, EvaluateBody evaluate_body)
    : NodeView(node),
      inputs_(std::move(inputs)),
      outputs_(node.outputs.size()),
      evaluate_body_(std::move(evaluate_body)) {}

const Tensor& EvalContext::input(std::size_t i) const {
    require(has(i), "input " + std::to_string(i) + " is required but not given");
    return inputs_[i];
}

Tensor& EvalContext::make_output(std::size_t i, DType dtype, Shape shape) {
    require(base::element_count(shape) <= base::limits::kMaxElements,
            "the output " + base::to_string(shape) + " exceeds the limit of 2^36 elements");
    if (i >= outputs_.size()) outputs_.resize(i + 1);
    outputs_[i] = Tensor(dtype, std::move(shape));
    return outputs_[i];
}

void EvalContext::set_output(std::size_t i, Tensor tensor) {
    if (i >= outputs_.size()) outputs_.resize(i + 1);
    outputs_[i] = std::move(tensor);
}

std::vector<Tensor> EvalContext::evaluate_body(const ir::Graph& body, std::vector<Tensor> inputs) const {
    return evaluate_body_(body, std::move(inputs));
}

}  // namespace fovea::ops
