#pragma once

#include <string_view>
#include <vector>

#include "ops/op.hpp"

/// What If, Loop and Scan share. The attribute "captures" counts the outer values that stand behind the formal inputs
/// of the node and of its bodies.
namespace fovea::ops {

/// The body in attribute `key`, which takes `inputs` tensors. Throws when it does not.
const ir::Graph& body_of(const NodeView& node, std::string_view key, std::size_t inputs);

/// Inputs of the node before the captured ones; throws unless there are at least `min`.
std::size_t formal_inputs(const NodeView& node, std::size_t min);

/// What is known of a value of which only `info`'s type and shape stay the same.
ValueInfo varying(ValueInfo info);

/// What is known of a value that is either `a` or `b`; throws when they differ in type.
ValueInfo either(const NodeView& node, const ValueInfo& a, const ValueInfo& b);

/// The one element of a condition.
bool truth(const NodeView& node, const Tensor& condition);

/// Place `place` along `axis`; the result lacks the axis.
Tensor take(const Tensor& tensor, std::size_t axis, std::int64_t place);

/// Joins tensors of one type and shape along the new axis `axis`; throws when they differ.
Tensor stack(const NodeView& node, const std::vector<Tensor>& parts, std::size_t axis);

/// Output `output` where no result was there to stack: its inferred shape, with 0 for what is not known.
Tensor empty_stack(const EvalContext& c, std::size_t output);

}  // namespace fovea::ops
