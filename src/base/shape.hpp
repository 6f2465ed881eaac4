#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fovea {

/// Sizes of a dense tensor, outermost first. Every size is ≥ 0; an empty shape is a scalar.
using Shape = std::vector<std::int64_t>;

namespace base {

/// Product of all sizes (1 for a scalar); throws `out_of_range` on overflow or a negative size.
std::int64_t element_count(std::span<const std::int64_t> shape);

/// Row-major strides in elements.
Shape row_major_strides(std::span<const std::int64_t> shape);

/// Shape that NumPy's rule broadcasts `a` and `b` to; throws `invalid_model` when they do not fit.
Shape broadcast(std::span<const std::int64_t> a, std::span<const std::int64_t> b);

/// `axis` counted from the front; throws `invalid_model` outside [-rank, rank).
std::int64_t normalize_axis(std::int64_t axis, std::int64_t rank);

/// "[1, 3, 224, 224]"
std::string to_string(std::span<const std::int64_t> shape);

}  // namespace base
}  // namespace fovea
