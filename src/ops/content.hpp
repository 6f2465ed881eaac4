#pragma once

#include <functional>
#include <span>

#include "ops/op.hpp"

namespace fovea::ops {

/// One element of a small integer tensor before it is computed: a number, a size known by name, or (neither) unknown.
struct Element {
    std::optional<std::int64_t> number;
    std::string size;

    [[nodiscard]] bool is(std::int64_t value) const { return number == value; }
    /// Provably equal.
    [[nodiscard]] bool same(const Element& other) const {
        return number ? number == other.number : !size.empty() && size == other.size;
    }
};

/// Sets the content of output 0 to `combine` of the inputs' elements under each place, where the inputs are scalars or
/// vectors of integers or bools of which at least one has symbolic content. Otherwise does nothing.
void infer_content(InferContext& c, const std::function<Element(std::span<const Element>)>& combine);

}  // namespace fovea::ops
