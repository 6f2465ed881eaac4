#pragma once

#include <optional>
#include <string_view>

#include "pass/view.hpp"

/// Small questions that several passes ask of a graph.
namespace fovea::pass {

/// Whether every element of `id` is `value`: a constant, or a constant that was filled, repeated or reshaped.
bool filled_with(const View& view, ir::ValueId id, double value);

/// A value and the constant that an element-wise operator combines it with.
struct WithScalar {
    ir::ValueId value = ir::kNone;
    double scalar = 0;
};

/// `id` = op(value, scalar), or op(scalar, value) when `op` is Add or Mul; the scalar does not change the shape.
std::optional<WithScalar> with_scalar(const View& view, ir::ValueId id, std::string_view op);
/// The same for one node.
std::optional<WithScalar> with_scalar(const View& view, const ir::Node& node, std::string_view op);

/// Whether `a` is within a relative 1e-5 of `b`; constants of exporters are rounded.
bool close(double a, double b);

/// The axes a reduction works on, counted from the front; from the attribute or the second input. Not set when the rank
/// or the axes are unknown.
std::optional<std::vector<std::int64_t>> reduced_axes(const View& view, const ir::Node& node);

/// The permutation of a Transpose; not set when neither the attribute nor the rank is known.
std::optional<std::vector<std::int64_t>> permutation(const View& view, const ir::Node& node);

}  // namespace fovea::pass
