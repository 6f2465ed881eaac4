#include "ops/expect.hpp"

#include <algorithm>

#include "ops/types.hpp"

namespace fovea::ops {

void expect_real(const InferContext& c, std::size_t i) { expect_types(c, i, Types::real); }

bool expect_rank(const InferContext& c, std::size_t i, std::size_t low, std::size_t high) {
    if (!c.has(i) || !c.dims(i)) return false;
    const std::size_t rank = c.dims(i)->size();
    const std::string wanted = low == high ? std::to_string(low) : std::to_string(low) + " to " + std::to_string(high);
    c.require(rank >= low && rank <= high, "input " + std::to_string(i) + ": expected a rank of " + wanted +
                                               ", found the shape " + ir::to_string(c.dims(i)));
    return true;
}

ir::Dim expect_same(const NodeView& node, const ir::Dim& a, const ir::Dim& b, const std::string& what) {
    if (a.known() && b.known())
        node.require(a.value == b.value, what + ": expected equal sizes, found " + std::to_string(a.value) + " and " +
                                             std::to_string(b.value));
    if (a.known() || b.known()) return a.known() ? a : b;
    return a.symbol.empty() ? b : a;
}

void expect_vector(const InferContext& c, std::size_t i, const ir::Dim& size) {
    if (expect_rank(c, i, 1, 1)) expect_same(c, (*c.dims(i))[0], size, "length of input " + std::to_string(i));
}

std::int64_t expect_positive(const NodeView& node, const char* key, std::int64_t fallback) {
    const std::int64_t value = node.integer(key, fallback);
    node.require(value > 0 && value < (1LL << 31), "attribute \"" + std::string(key) +
                                                       "\": expected a positive number below 2^31, found " +
                                                       std::to_string(value));
    return value;
}

std::int64_t expect_axis(const NodeView& node, const char* key, std::int64_t fallback, std::size_t rank) {
    const std::int64_t axis = node.integer(key, fallback), count = static_cast<std::int64_t>(rank);
    node.require(axis >= -count && axis < count, "attribute \"" + std::string(key) +
                                                     "\": expected an axis of a tensor of rank " +
                                                     std::to_string(count) + ", found " + std::to_string(axis));
    return axis < 0 ? axis + count : axis;
}

ir::Dims broadcast_dims(const NodeView& node, const ir::Dims& a, const ir::Dims& b) {
    ir::Dims result(std::max(a.size(), b.size()), ir::Dim(1));
    for (std::size_t i = 1; i <= result.size(); ++i) {
        const ir::Dim x = i <= a.size() ? a[a.size() - i] : ir::Dim(1),
                      y = i <= b.size() ? b[b.size() - i] : ir::Dim(1);
        ir::Dim& size = result[result.size() - i];
        if (x.value == 1)
            size = y;
        else if (y.value == 1 || x.same(y))
            size = x;
        else if (x.known() && y.known())
            node.fail("the shapes " + ir::to_string(a) + " and " + ir::to_string(b) +
                      " do not broadcast: sizes must be equal or 1");
        else
            size = x.known() ? x : y.known() ? y : ir::Dim();
    }
    return result;
}

}  // namespace fovea::ops
