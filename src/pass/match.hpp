#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ir/patch.hpp"
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

/// Elements of a constant that an element-wise operator spreads over a value of rank `rank` along `axis` only: one per
/// channel (a single element is repeated). Not set when it varies along another axis, raises the rank or is no real
/// number.
std::optional<std::vector<double>> per_channel(const View& view, ir::ValueId id, std::int64_t rank, std::int64_t axis,
                                               std::int64_t channels);

/// The target of a Reshape from `x` to `y`: numbers, 0 for a size that stays in place, at most one -1. Not set when
/// that does not express it.
std::optional<std::vector<std::int64_t>> reshape_target(const std::optional<ir::Dims>& x,
                                                        const std::optional<ir::Dims>& y);

/// Adds a Reshape of `x` to the shape `y` to the patch, or gives `x` when it has that shape; `kNone` when the target
/// cannot be written as a constant.
ir::ValueId reshape(const View& view, ir::Patch& patch, ir::ValueId x, const std::optional<ir::Dims>& y);

/// A floating-point tensor of the given type and shape.
Tensor make_tensor(DType type, Shape shape, const std::vector<double>& values);

}  // namespace fovea::pass
