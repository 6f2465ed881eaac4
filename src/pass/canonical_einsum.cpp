#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "pass/match.hpp"
#include "pass/move.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// Axes of one operand or of the result, one letter each.
using Term = std::string;

bool holds(const Term& term, char label) { return term.find(label) != Term::npos; }

/// Letters of `term` for which `wanted` holds, in order.
template <class Wanted>
Term select(const Term& term, const Wanted& wanted) {
    Term result;
    std::copy_if(term.begin(), term.end(), std::back_inserter(result), wanted);
    return result;
}

/// "ab,bc->ac" as its three terms; not set for any other form, for repeated letters, and for letters that stand alone.
std::optional<std::array<Term, 3>> product_terms(std::string equation) {
    std::erase(equation, ' ');
    const std::size_t comma = equation.find(','), arrow = equation.find("->");
    if (comma == std::string::npos || arrow == std::string::npos || comma > arrow) return std::nullopt;
    std::array<Term, 3> terms = {equation.substr(0, comma), equation.substr(comma + 1, arrow - comma - 1),
                                 equation.substr(arrow + 2)};
    for (std::size_t i = 0; i < 3; ++i)
        for (const char label : terms[i]) {
            const bool elsewhere = holds(terms[(i + 1) % 3], label) || holds(terms[(i + 2) % 3], label);
            if (!std::isalpha(static_cast<unsigned char>(label)) || !elsewhere ||
                std::count(terms[i].begin(), terms[i].end(), label) != 1)
                return std::nullopt;
        }
    return terms;
}

/// Sizes of the letters; not set where the operands give a letter two sizes (one of them may be 1 and spread).
std::optional<std::map<char, ir::Dim>> sizes_of(const View& view, const Node& node, const std::array<Term, 3>& terms) {
    std::map<char, ir::Dim> sizes;
    for (std::size_t i = 0; i < 2; ++i) {
        const auto& dims = view.dims(node.inputs[i]);
        if (!dims || dims->size() != terms[i].size()) return std::nullopt;
        for (std::size_t axis = 0; axis < dims->size(); ++axis) {
            const auto [known, added] = sizes.emplace(terms[i][axis], (*dims)[axis]);
            if (!added && !known->second.same((*dims)[axis])) return std::nullopt;
        }
    }
    return sizes;
}

/// Writes an Einsum of two operands with transposes, reshapes and one MatMul.
class Writer {
  public:
    Writer(ir::Patch& patch, std::map<char, ir::Dim> sizes) : patch_(patch), sizes_(std::move(sizes)) {}

    /// `kNone` where a shape cannot be written.
    ValueId product(ValueId a, Term left, ValueId b, Term right, const Term& result) {
        Term rows = select(left, [&](char l) { return !holds(right, l); });
        Term columns = select(right, [&](char l) { return !holds(left, l); });
        // The operand whose letters come first in the result gives the rows: that saves a transpose.
        if (!rows.empty() && !columns.empty() && result.find(rows[0]) > result.find(columns[0])) {
            std::swap(a, b);
            std::swap(left, right);
            std::swap(rows, columns);
        }
        const Term batch = select(result, [&](char l) { return holds(left, l) && holds(right, l); });
        const Term summed = select(right, [&](char l) { return holds(left, l) && !holds(result, l); });
        // Without a batch, MatMul takes any number of rows' axes.
        const std::vector<Term> row_groups = batch.empty() && !rows.empty() ? axes(rows) : std::vector<Term>{rows};
        const ValueId x = arrange(a, left, joined({axes(batch), row_groups, {summed}}));
        const ValueId y = arrange(b, right, joined({axes(batch), {summed}, {columns}}));
        if (x == kNone || y == kNone) return kNone;
        const ValueId z = patch_.node("MatMul", {x, y});
        const Term order = batch + rows + columns;
        return transpose(reshape(z, joined({axes(batch), row_groups, {columns}}), axes(order)), order, result);
    }

  private:
    using Groups = std::vector<Term>;

    static Groups axes(const Term& term) {
        Groups groups;
        for (const char label : term) groups.emplace_back(1, label);
        return groups;
    }

    static Groups joined(const std::vector<Groups>& parts) {
        Groups groups;
        for (const Groups& part : parts) groups.insert(groups.end(), part.begin(), part.end());
        return groups;
    }

    /// The operand with its axes in the order of the groups, each group one axis.
    ValueId arrange(ValueId id, const Term& term, const Groups& groups) {
        const Term order = std::accumulate(groups.begin(), groups.end(), Term());
        return reshape(transpose(id, term, order), axes(order), groups);
    }

    ValueId transpose(ValueId id, const Term& from, const Term& to) {
        if (id == kNone || from == to) return id;
        Permutation perm;
        for (const char label : to) perm.push_back(static_cast<std::int64_t>(from.find(label)));
        return patch_.node("Transpose", {id}, {{"perm", perm}});
    }

    ValueId reshape(ValueId id, const Groups& from, const Groups& to) {
        if (id == kNone || from == to) return id;
        const auto before = dims(from), after = dims(to);
        const auto target = before && after ? reshape_target(before, after) : std::nullopt;
        return target ? patch_.node("Reshape", {id, patch_.constant(Tensor::vector(*target))}) : kNone;
    }

    /// Sizes of the groups; an unknown factor makes the product unknown, and zero cannot be written in a target.
    [[nodiscard]] std::optional<ir::Dims> dims(const Groups& groups) const {
        ir::Dims result;
        for (const Term& group : groups) {
            ir::Dim product(1);
            for (const char label : group) {
                const ir::Dim& size = sizes_.at(label);
                if (group.size() == 1)
                    product = size;
                else
                    product = product.known() && size.known() ? ir::Dim(product.value * size.value) : ir::Dim();
            }
            if (product.value == 0) return std::nullopt;
            result.push_back(product);
        }
        return result;
    }

    ir::Patch& patch_;
    std::map<char, ir::Dim> sizes_;
};

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "Einsum" || node.inputs.size() != 2) return;
    const auto terms = product_terms(node.get<std::string>("equation", ""));
    auto sizes = terms ? sizes_of(view, node, *terms) : std::nullopt;
    const auto type = view.dtype(node.inputs[0]);
    if (!sizes || (type != DType::f32 && type != DType::f16 && type != DType::bf16 && type != DType::f64)) return;
    const ValueId result =
        Writer(patch, std::move(*sizes)).product(node.inputs[0], (*terms)[0], node.inputs[1], (*terms)[1], (*terms)[2]);
    if (result == kNone)
        patch = ir::Patch(view.graph());
    else
        patch.replace(node.outputs[0], result);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass canonical_einsum() {
    return {"canonical-einsum", "writes Einsum of two operands as MatMul between transposes and reshapes", propose};
}

}  // namespace fovea::pass
