#include "ops/size_arithmetic.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "base/dispatch.hpp"

namespace fovea::ops {
namespace {

constexpr std::int64_t kMaxContent = 1024;

/// Product of the known sizes; the others go to `rest`.
std::int64_t split_known(const ir::Dims& sizes, ir::Dims& rest) {
    std::int64_t known = 1;
    for (const ir::Dim& size : sizes)
        if (size.known())
            known = base::checked_mul(known, size.value);
        else
            rest.push_back(size);
    return known;
}

}  // namespace

ir::Dim add(const ir::Dim& a, const ir::Dim& b) {
    if (a.known() && b.known()) return base::checked_add(a.value, b.value);
    if (a.value == 0) return b;
    return b.value == 0 ? a : ir::Dim();
}

ir::Dim product(std::span<const ir::Dim> sizes) {
    ir::Dims rest;
    const std::int64_t known = split_known({sizes.begin(), sizes.end()}, rest);
    if (rest.empty() || known == 0) return known;
    return known == 1 && rest.size() == 1 ? rest[0] : ir::Dim();
}

ir::Dim quotient(const NodeView& node, ir::Dims whole, ir::Dims parts) {
    std::erase_if(parts, [&](const ir::Dim& part) {
        const auto equal = std::find_if(whole.begin(), whole.end(), [&](const ir::Dim& x) { return x.same(part); });
        if (equal == whole.end()) return false;
        whole.erase(equal);
        return true;
    });
    ir::Dims whole_rest, parts_rest;
    const std::int64_t numerator = split_known(whole, whole_rest), denominator = split_known(parts, parts_rest);
    if (!parts_rest.empty() || whole_rest.size() > 1) return {};
    if (whole_rest.size() == 1) return numerator == denominator && numerator != 0 ? whole_rest[0] : ir::Dim();
    node.require(
        denominator != 0 && numerator % denominator == 0,
        "no size makes " + std::to_string(numerator) + " elements out of a multiple of " + std::to_string(denominator));
    return numerator / denominator;
}

std::optional<ir::Dims> small_content(const InferContext& c, std::size_t i) {
    if (!c.has(i) || !base::is_integer(c.dtype(i))) return std::nullopt;
    const std::int64_t count = known_count(c.dims(i));
    if (count < 0 || count > kMaxContent) return std::nullopt;
    if (auto content = c.content(i)) return content;
    return ir::Dims(static_cast<std::size_t>(count));
}

void keep_content(InferContext& c, const std::optional<ir::Dims>& content) {
    if (!content || c.outputs().empty()) return;
    const bool informative = std::any_of(content->begin(), content->end(),
                                         [](const ir::Dim& size) { return size.known() || !size.symbol.empty(); });
    if (informative && known_count(c.outputs()[0].dims) == static_cast<std::int64_t>(content->size()))
        c.set_content(0, *content);
}

std::int64_t known_count(const std::optional<ir::Dims>& dims) {
    const auto shape = ir::known_shape(dims);
    return shape ? base::element_count(*shape) : -1;
}

}  // namespace fovea::ops
