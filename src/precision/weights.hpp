#pragma once

#include "base/weight_rounding.hpp"
#include "ir/graph.hpp"

namespace fovea::precision {

using base::WeightLines;

/// The lines of input `i` of `node`, which has this shape and is rounded on its own; a length of 0 where the input is
/// no matrix of weights.
WeightLines weight_lines(const ir::Node& node, std::size_t i, const Shape& shape);

}  // namespace fovea::precision
