#include "precision/weights.hpp"

#include <algorithm>

#include "base/shape.hpp"

namespace fovea::precision {

WeightLines weight_lines(const ir::Node& node, std::size_t i, const Shape& shape) {
    if (i != 1 || shape.size() < 2) return {0, 0};
    const std::int64_t rows = shape[shape.size() - 2], columns = shape.back();
    if (node.op == "Conv") return {base::element_count(shape) / std::max<std::int64_t>(1, shape[0]), 1};
    if (node.op == "MatMul") return {rows, columns};
    if (node.op == "Gemm")
        return node.get<std::int64_t>("transB", 0) ? WeightLines{columns, 1} : WeightLines{rows, columns};
    return {0, 0};
}

}  // namespace fovea::precision
