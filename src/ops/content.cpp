#include "ops/content.hpp"

#include <algorithm>

#include "base/dispatch.hpp"

namespace fovea::ops {
namespace {

/// Longer tensors hold no sizes.
constexpr std::size_t kLongest = 256;

std::optional<std::vector<Element>> elements(const InferContext& c, std::size_t i) {
    if (!c.has(i) || (!base::is_integer(c.dtype(i)) && c.dtype(i) != DType::boolean)) return std::nullopt;
    std::vector<Element> result;
    if (const Tensor* constant = c.constant(i)) {
        if (constant->rank() > 1 || static_cast<std::size_t>(constant->size()) > kLongest) return std::nullopt;
        for (const std::int64_t number : constant->to_int64()) result.push_back({number, {}});
        return result;
    }
    if (!c.input(i).content || !c.dims(i) || c.dims(i)->size() > 1) return std::nullopt;
    for (const ir::Dim& dim : *c.input(i).content)
        result.push_back(dim.known() ? Element{dim.value, {}} : Element{std::nullopt, dim.symbol});
    return result;
}

ir::Dim to_dim(const Element& element) {
    if (element.number) return *element.number >= 0 ? ir::Dim(*element.number) : ir::Dim();
    return ir::Dim(element.size);
}

}  // namespace

void infer_content(InferContext& c, const std::function<Element(std::span<const Element>)>& combine) {
    bool symbolic = false;
    for (std::size_t i = 0; i < c.input_count(); ++i) symbolic |= c.has(i) && c.input(i).content && !c.constant(i);
    if (!symbolic) return;
    std::vector<std::vector<Element>> inputs;
    std::size_t count = 1;
    for (std::size_t i = 0; i < c.input_count(); ++i) {
        auto input = elements(c, i);
        if (!input) return;
        if (input->size() != 1) count = input->size();
        inputs.push_back(std::move(*input));
    }
    if (count > kLongest) return;
    for (const auto& input : inputs)
        if (input.size() != 1 && input.size() != count) return;
    ir::Dims content;
    for (std::size_t place = 0; place < count; ++place) {
        std::vector<Element> arguments;
        for (const auto& input : inputs) arguments.push_back(input[input.size() == 1 ? 0 : place]);
        content.push_back(to_dim(combine(arguments)));
    }
    c.set_content(0, std::move(content));
}

}  // namespace fovea::ops
