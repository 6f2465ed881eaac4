#include "ops/body.hpp"

#include <cstring>

#include "base/checked.hpp"
#include "base/limits.hpp"
#include "ops/infer.hpp"

namespace fovea::ops {
namespace {

/// Bytes of the elements behind `axis`.
std::size_t row_bytes(const Shape& shape, std::size_t axis, DType type) {
    return static_cast<std::size_t>(base::element_count(std::span(shape).subspan(axis))) * element_bytes(type);
}

}  // namespace

const ir::Graph& body_of(const NodeView& node, std::string_view key, std::size_t inputs) {
    const auto* body = node.node().find<std::shared_ptr<const ir::Graph>>(key);
    node.require(body && *body, "the required attribute \"" + std::string(key) + "\" is missing");
    node.require((*body)->inputs.size() == inputs, "attribute \"" + std::string(key) + "\": expected a graph of " +
                                                       std::to_string(inputs) + " inputs, found " +
                                                       std::to_string((*body)->inputs.size()));
    return **body;
}

std::size_t formal_inputs(const NodeView& node, std::size_t min) {
    const auto count = static_cast<std::int64_t>(node.node().inputs.size()), least = static_cast<std::int64_t>(min);
    const std::int64_t captures = node.integer("captures", 0);
    node.require(count >= least && captures >= 0 && captures <= count - least,
                 "expected at least " + std::to_string(min) + " inputs before the captured ones, found " +
                     std::to_string(count) + " inputs and " + std::to_string(captures) + " captures");
    return static_cast<std::size_t>(count - captures);
}

ValueInfo varying(ValueInfo info) { return {info.dtype, std::move(info.dims), Tensor(), std::nullopt}; }

ValueInfo either(const NodeView& node, const ValueInfo& a, const ValueInfo& b) {
    node.require(a.dtype == b.dtype, "a result has the type " + std::string(to_string(b.dtype)) + " where " +
                                         std::string(to_string(a.dtype)) + " is expected");
    ValueInfo result = varying(a);
    if (!a.dims || !b.dims || a.dims->size() != b.dims->size()) {
        result.dims.reset();
        return result;
    }
    for (std::size_t i = 0; i < a.dims->size(); ++i)
        if (!(*a.dims)[i].same((*b.dims)[i])) (*result.dims)[i] = ir::Dim();
    if (a.constant && b.constant && a.constant.equals(b.constant)) result.constant = a.constant;
    if (a.content && a.content == b.content) result.content = a.content;
    return result;
}

bool truth(const NodeView& node, const Tensor& condition) {
    node.require(condition && condition.dtype() == DType::boolean && condition.size() == 1,
                 "expected a condition of one bool, found " + std::string(to_string(condition.dtype())) +
                     base::to_string(condition.shape()));
    return condition.as<bool>()[0];
}

Tensor take(const Tensor& tensor, std::size_t axis, std::int64_t place) {
    Shape shape = tensor.shape();
    const auto count = static_cast<std::size_t>(shape[axis]);
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    Tensor result(tensor.dtype(), shape);
    const std::size_t row = row_bytes(shape, axis, tensor.dtype());
    for (std::size_t i = 0; i * row < result.bytes(); ++i)
        std::memcpy(result.raw() + i * row, tensor.raw() + (i * count + static_cast<std::size_t>(place)) * row, row);
    return result;
}

Tensor stack(const NodeView& node, const std::vector<Tensor>& parts, std::size_t axis) {
    Shape shape = parts[0].shape();
    const std::size_t row = row_bytes(shape, axis, parts[0].dtype());
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<std::int64_t>(parts.size()));
    node.require(base::element_count(shape) <= base::limits::kMaxElements,
                 "the stacked results " + base::to_string(shape) + " exceed the limit of 2^36 elements");
    Tensor result(parts[0].dtype(), std::move(shape));
    for (std::size_t n = 0; n < parts.size(); ++n) {
        const Tensor& part = parts[n];
        node.require(part.dtype() == result.dtype() && part.shape() == parts[0].shape(),
                     "the shape of a stacked result changes from " + base::to_string(parts[0].shape()) + " to " +
                         base::to_string(part.shape()));
        for (std::size_t i = 0; i * row < part.bytes(); ++i)
            std::memcpy(result.raw() + (i * parts.size() + n) * row, part.raw() + i * row, row);
    }
    return result;
}

Tensor empty_stack(const EvalContext& c, std::size_t output) {
    std::vector<ValueInfo> infos(c.input_count());
    std::vector<const ValueInfo*> pointers(infos.size(), nullptr);
    for (std::size_t i = 0; i < infos.size(); ++i) {
        if (!c.has(i)) continue;
        infos[i] = {c.input(i).dtype(), ir::to_dims(c.input(i).shape()), c.input(i), std::nullopt};
        pointers[i] = &infos[i];
    }
    const ValueInfo stacked = infer_node(c.node(), std::move(pointers), {.fold_elements = -1})[output];
    Shape shape(stacked.dims ? stacked.dims->size() : 1, 0);
    for (std::size_t i = 0; stacked.dims && i < shape.size(); ++i)
        if ((*stacked.dims)[i].known()) shape[i] = (*stacked.dims)[i].value;
    return Tensor::zeros(stacked.dtype, std::move(shape));
}

}  // namespace fovea::ops
