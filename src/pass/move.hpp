#pragma once

#include <cstdint>
#include <vector>

#include "base/tensor.hpp"

/// Moving the elements of constants. Weights have millions of elements, so this copies bytes instead of asking the
/// reference kernels.
namespace fovea::pass {

/// As Transpose's `perm`: axis i of the output is axis perm[i] of the input.
using Permutation = std::vector<std::int64_t>;

/// The permutation of `second` applied to the result of `first`.
Permutation compose(const Permutation& first, const Permutation& second);
Permutation inverse(const Permutation& perm);
bool is_identity(const Permutation& perm);
/// `tensor` with its axes in the order of `perm`.
Tensor transposed(const Tensor& tensor, const Permutation& perm);

/// The tensors one after the other along `axis`; types and other sizes are equal.
Tensor concatenated(const std::vector<Tensor>& parts, std::int64_t axis);

}  // namespace fovea::pass
