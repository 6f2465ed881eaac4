#pragma once

#include <string>
#include <vector>

#include "ir/graph.hpp"

namespace fovea::test {

/// Text of a graph that does not depend on the names of its inner values, on provenance or on the order in which nodes
/// were made; types and shapes are inferred anew.
std::string canonical_text(const ir::Graph& graph);

/// Random content for the graph's inputs; symbolic sizes become 2. Integers lie in [0, 2).
std::vector<Tensor> random_inputs(const ir::Graph& graph, std::uint32_t seed);

/// max|a-b| / max|b|; infinite when types or shapes differ.
double relative_error(const Tensor& a, const Tensor& b);

}  // namespace fovea::test
