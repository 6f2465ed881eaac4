#include "pass/match.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/dispatch.hpp"

namespace fovea::pass {
namespace {

bool all_equal(const Tensor& tensor, double value) {
    if (tensor.size() == 0) return false;
    return base::visit(tensor.dtype(), [&]<class T>() {
        const auto elements = tensor.as<T>();
        return std::all_of(elements.begin(), elements.end(), [value](const T& element) {
            return static_cast<double>(static_cast<base::arithmetic_t<T>>(element)) == value;
        });
    });
}

}  // namespace

bool filled_with(const View& view, ir::ValueId id, double value) {
    while (true) {
        if (const Tensor* tensor = view.constant(id)) return all_equal(*tensor, value);
        const ir::Node* node = view.producer(id);
        if (!node) return false;
        if (node->op == "ConstantOfShape") {
            const Tensor* fill = node->find<Tensor>("value");
            return fill ? all_equal(*fill, value) : value == 0;
        }
        if (node->op != "Expand" && node->op != "Tile" && node->op != "Reshape" && node->op != "Unsqueeze")
            return false;
        id = node->inputs[0];
    }
}

bool close(double a, double b) { return std::abs(a - b) <= 1e-5 * std::max(std::abs(a), std::abs(b)); }

std::optional<WithScalar> with_scalar(const View& view, const ir::Node& node, std::string_view op) {
    if (node.op != op || node.inputs.size() != 2) return std::nullopt;
    const bool commutes = op == "Add" || op == "Mul";
    for (const std::size_t i : {std::size_t{1}, std::size_t{0}}) {
        if (i == 0 && !commutes) break;
        const auto scalar = view.scalar(node.inputs[i]);
        const ir::ValueId value = node.inputs[1 - i];
        if (scalar && value != ir::kNone && view.same_dims(value, node.outputs[0])) return WithScalar{value, *scalar};
    }
    return std::nullopt;
}

std::optional<WithScalar> with_scalar(const View& view, ir::ValueId id, std::string_view op) {
    const ir::Node* node = view.producer(id, op);
    return node ? with_scalar(view, *node, op) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> reduced_axes(const View& view, const ir::Node& node) {
    const auto rank = view.rank(node.inputs[0]);
    if (!rank) return std::nullopt;
    std::vector<std::int64_t> axes = node.get("axes", std::vector<std::int64_t>());
    if (View::input(node, 1) != ir::kNone) {
        const auto given = view.integers(node.inputs[1]);
        if (!given) return std::nullopt;
        axes = *given;
    }
    if (axes.empty()) {
        if (node.get<std::int64_t>("noop_with_empty_axes", 0) != 0) return axes;
        axes.resize(static_cast<std::size_t>(*rank));
        std::iota(axes.begin(), axes.end(), 0);
    }
    for (std::int64_t& axis : axes) axis = base::normalize_axis(axis, *rank);
    std::sort(axes.begin(), axes.end());
    return axes;
}

std::optional<std::vector<std::int64_t>> permutation(const View& view, const ir::Node& node) {
    if (const auto* perm = node.find<std::vector<std::int64_t>>("perm")) return *perm;
    const auto rank = view.rank(node.inputs[0]);
    if (!rank) return std::nullopt;
    std::vector<std::int64_t> perm(static_cast<std::size_t>(*rank));
    std::iota(perm.rbegin(), perm.rend(), 0);
    return perm;
}

std::optional<std::vector<double>> per_channel(const View& view, ir::ValueId id, std::int64_t rank, std::int64_t axis,
                                               std::int64_t channels) {
    const Tensor* tensor = view.constant(id);
    if (!tensor || !base::is_float(tensor->dtype()) || tensor->rank() > rank) return std::nullopt;
    const std::int64_t lead = rank - tensor->rank();
    for (std::int64_t i = 0; i < tensor->rank(); ++i) {
        const std::int64_t size = tensor->shape()[static_cast<std::size_t>(i)];
        if (size != 1 && !(lead + i == axis && size == channels)) return std::nullopt;
    }
    const Tensor wide = tensor->cast(DType::f64);
    const auto elements = wide.as<double>();
    if (elements.size() == 1) return std::vector<double>(static_cast<std::size_t>(channels), elements[0]);
    return std::vector<double>(elements.begin(), elements.end());
}

std::optional<std::vector<std::int64_t>> reshape_target(const std::optional<ir::Dims>& x,
                                                        const std::optional<ir::Dims>& y) {
    if (!y) return std::nullopt;
    std::vector<std::int64_t> target;
    int open = 0;
    for (std::size_t i = 0; i < y->size(); ++i) {
        const ir::Dim& dim = (*y)[i];
        if (dim.known()) {
            // 0 means "as in the input" there.
            if (dim.value == 0) return std::nullopt;
            target.push_back(dim.value);
        } else if (x && i < x->size() && dim.same((*x)[i])) {
            target.push_back(0);
        } else {
            target.push_back(-1);
            ++open;
        }
    }
    return open <= 1 ? std::optional(target) : std::nullopt;
}

ir::ValueId reshape(const View& view, ir::Patch& patch, ir::ValueId x, const std::optional<ir::Dims>& y) {
    const auto& dims = view.dims(x);
    if (dims && y && dims->size() == y->size() &&
        std::equal(dims->begin(), dims->end(), y->begin(),
                   [](const ir::Dim& a, const ir::Dim& b) { return a.same(b); }))
        return x;
    const auto target = reshape_target(dims, y);
    return target ? patch.node("Reshape", {x, patch.constant(Tensor::vector(*target))}) : ir::kNone;
}

Tensor make_tensor(DType type, Shape shape, const std::vector<double>& values) {
    return Tensor::from<double>(std::move(shape), values).cast(type);
}

}  // namespace fovea::pass
