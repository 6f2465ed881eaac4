#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "ir/graph.hpp"

namespace fovea::test {

/// One graph of one node out of the `.ir` files that show what operators do; a file holds any number of graphs, each
/// starting on a line of its own. Operands with values of their own are constants, everything else is an input.
struct OperatorCase {
    std::string name;  ///< file and graph, letters, digits and underscores only
    ir::Graph graph;

    friend std::ostream& operator<<(std::ostream& stream, const OperatorCase& one) { return stream << one.name; }
    [[nodiscard]] const ir::Node& node() const { return graph.node(graph.order().front()); }
};

/// All cases of a folder in order of file name and place.
std::vector<OperatorCase> operator_cases(const std::string& folder);

/// The tensors that the case's node reads: its constants, and seeded random numbers for the graph's inputs (from -2 to
/// 2; whole numbers from 0 to 3 for integer types).
std::vector<Tensor> operands(const OperatorCase& one);

}  // namespace fovea::test
