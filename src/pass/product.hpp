#pragma once

#include <optional>
#include <vector>

#include "pass/match.hpp"

namespace fovea::pass {

/// A product taken apart: scalar · factor · factor · …, with powers written out and factors sorted.
struct Product {
    double scalar = 1;
    std::vector<ir::ValueId> factors;
    std::vector<ir::ValueId> operands;  ///< everything met on the way down, in no order
};

/// `id` as a product through Mul, Div by a constant, Neg and Pow by 2 or 3; at most 8 factors.
Product product_of(const View& view, ir::ValueId id);

/// k when `product` is k · x to the power of `exponent` · other; other may be `kNone`.
std::optional<double> multiple_of(const View& view, const Product& product, ir::ValueId x, int exponent = 1,
                                  ir::ValueId other = ir::kNone);

}  // namespace fovea::pass
