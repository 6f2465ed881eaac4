#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "ir/graph.hpp"

namespace fovea::ir {

/// Where constants that are too long to read go: returns a number that the text shows as `@number`.
using StoreConstant = std::function<std::int64_t(const Tensor&)>;
/// Inverse of `StoreConstant`.
using LoadConstant = std::function<Tensor(std::int64_t number, DType type, const Shape& shape)>;

/// The graph as text; `parse(print(g))` gives an equal graph. Constants of at most 16 elements stand in the text,
/// longer ones go to `store` or, when there is none, stand in full.
///
///     graph "resnet" {
///       input %image : f32[batch, 3, 224, 224]
///       const %scale : f32[2] = [0.5, 2]
///       %y : f32[batch, 64, 112, 112] = Conv(%image, %w, _) {strides = [2, 2]} name "conv1" from ["conv1", "bn1"]
///       output "logits" = %y
///     }
///
/// `_` is an omitted input, `fill(x)` and `random(seed)` are accepted in place of a list of elements. A constant's or
/// node output's `also ["a", "b"]` lists the user's tensors with the same content.
std::string print(const Graph& graph, const StoreConstant& store = {});

/// Reads the text form; throws `invalid_argument` with line and column.
Graph parse(std::string_view text, const LoadConstant& load = {});

}  // namespace fovea::ir
