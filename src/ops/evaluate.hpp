#pragma once

#include <vector>

#include "ops/op.hpp"

namespace fovea::ops {

/// Reference result of one node on whole tensors (an omitted input is an empty Tensor). Errors carry the node.
std::vector<Tensor> evaluate(const ir::Node& node, std::vector<Tensor> inputs);

/// Reference result of a whole graph, one tensor per graph output. Tensors are released after their last use.
std::vector<Tensor> evaluate(const ir::Graph& graph, std::vector<Tensor> inputs);

/// Whether single boxes of the node's output can be evaluated.
bool has_boxes(const ir::Node& node);

/// Reference result of one box of output 0.
Tensor evaluate_box(const ir::Node& node, std::vector<Window> inputs, DType dtype, const Shape& output_shape,
                    const Box& box);

}  // namespace fovea::ops
