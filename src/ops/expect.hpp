#pragma once

#include <string>

#include "ops/op.hpp"

/// Checks that shape inference shares. All accept what is not known and name what was expected and found.
namespace fovea::ops {

/// Input `i`, when given, holds f16, bf16, f32 or f64.
void expect_real(const InferContext& c, std::size_t i);

/// Input `i`, when given, has a rank from `low` to `high`; returns whether the rank is known.
bool expect_rank(const InferContext& c, std::size_t i, std::size_t low, std::size_t high);

/// Two sizes that `what` says must be equal; returns the one that is known better.
ir::Dim expect_same(const NodeView& node, const ir::Dim& a, const ir::Dim& b, const std::string& what);

/// Input `i`, when given, is a vector of `size` elements.
void expect_vector(const InferContext& c, std::size_t i, const ir::Dim& size);

/// Attribute `key` is a number of at least 1 (and below 2^31, so that products of two fit).
std::int64_t expect_positive(const NodeView& node, const char* key, std::int64_t fallback);

/// Attribute `key` is an axis of a tensor of `rank` axes; returns it counted from the front.
std::int64_t expect_axis(const NodeView& node, const char* key, std::int64_t fallback, std::size_t rank);

/// Sizes that NumPy's rule broadcasts `a` and `b` to; a size that does not follow is unknown.
ir::Dims broadcast_dims(const NodeView& node, const ir::Dims& a, const ir::Dims& b);

}  // namespace fovea::ops
