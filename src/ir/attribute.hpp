#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/tensor.hpp"

namespace fovea::ir {

class Graph;

/// Value of a node's attribute. Graphs are the bodies of If, Loop and Scan; they are shared and never changed in place.
using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor, std::shared_ptr<const Graph>>;

bool equal(const Attribute& a, const Attribute& b);

}  // namespace fovea::ir
