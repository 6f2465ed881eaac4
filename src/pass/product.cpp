#include "pass/product.hpp"

#include <algorithm>

namespace fovea::pass {
namespace {

constexpr std::size_t kMaxFactors = 8, kMaxOperands = 32;

void collect(const View& view, ir::ValueId id, Product& product) {
    const ir::Node* node = view.producer(id);
    product.operands.push_back(id);
    if (const auto scalar = view.scalar(id)) {
        product.scalar *= *scalar;
    } else if (!node || product.factors.size() >= kMaxFactors || product.operands.size() >= kMaxOperands) {
        product.factors.push_back(id);
    } else if (node->op == "Mul") {
        collect(view, node->inputs[0], product);
        collect(view, node->inputs[1], product);
    } else if (node->op == "Div" && view.scalar(node->inputs[1]).value_or(0) != 0) {
        collect(view, node->inputs[0], product);
        product.scalar /= *view.scalar(node->inputs[1]);
    } else if (node->op == "Neg") {
        collect(view, node->inputs[0], product);
        product.scalar = -product.scalar;
    } else if (const auto exponent = node->op == "Pow" ? view.scalar(node->inputs[1]) : std::nullopt;
               exponent == 2.0 || exponent == 3.0) {
        for (int i = 0; i < static_cast<int>(*exponent); ++i) collect(view, node->inputs[0], product);
    } else {
        product.factors.push_back(id);
    }
}

}  // namespace

Product product_of(const View& view, ir::ValueId id) {
    Product product;
    collect(view, id, product);
    std::sort(product.factors.begin(), product.factors.end());
    return product;
}

std::optional<double> multiple_of(const View& view, const Product& product, ir::ValueId x, int exponent,
                                  ir::ValueId other) {
    const Product base = product_of(view, x);
    std::vector<ir::ValueId> factors;
    if (other != ir::kNone) factors.push_back(other);
    double scalar = 1;
    for (int i = 0; i < exponent; ++i) {
        factors.insert(factors.end(), base.factors.begin(), base.factors.end());
        scalar *= base.scalar;
    }
    std::sort(factors.begin(), factors.end());
    if (factors != product.factors || scalar == 0) return std::nullopt;
    return product.scalar / scalar;
}

}  // namespace fovea::pass
