#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.hpp"

/// Graphs given as text.
namespace fovea::test {

/// 0, 1, 2, … in the shape `shape`.
Tensor counting(Shape shape, DType type = DType::f32);

/// Inferred sizes of output `i` of the graph `text`, as in "[n, 3]".
std::string inferred(std::string_view text, std::size_t i = 0);

/// Outputs of the graph `text` for `inputs`.
std::vector<Tensor> results(std::string_view text, std::vector<Tensor> inputs);

}  // namespace fovea::test
