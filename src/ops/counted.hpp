#pragma once

#include <functional>

#include "ops/infer.hpp"

namespace fovea::ops {

/// For devices that cannot allocate what a run finds: gives results whose size depends on data the largest size that
/// they may have, and what is computed from them place by place, too. `values[i].counted` names the axis that a run
/// fills in part; places behind the count are zero where an operator finds them, and anything in what is computed from
/// them. Values that depend on the number itself, or mix places, stay as they are. `takes`: whether a node may run on
/// such tensors. Returns how many counts there are.
std::size_t bound_counts(const ir::Graph& graph, ValueTable& values, const std::function<bool(ir::NodeId)>& takes);

/// Whether `node` reads a counted value, and whether it is one that `bound_counts` let through.
bool reads_counted(const ir::Node& node, const ValueTable& values);
bool takes_counted(const ir::Node& node, const ValueTable& values);

/// The shape that a value had in a run that found `counts`.
Shape shape_in_run(const ValueInfo& info, std::span<const std::int64_t> counts);

}  // namespace fovea::ops
