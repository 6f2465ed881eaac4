#include <map>

#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

/// An axis of a term: a letter, or '0' + i for the i-th axis of the ellipsis, counted from its end.
using Label = char32_t;
using Term = std::vector<Label>;

constexpr Label kEllipsis = 0x10000;

/// The equation with "..." still folded into one label.
struct Equation {
    std::vector<Term> inputs;
    std::optional<Term> output;
};

Term read_term(const NodeView& node, const std::string& text) {
    Term term;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == ' ') continue;
        if (text.compare(i, 3, "...") == 0) {
            node.require(std::find(term.begin(), term.end(), kEllipsis) == term.end(),
                         "attribute \"equation\": a term has more than one ellipsis");
            term.push_back(kEllipsis);
            i += 2;
            continue;
        }
        node.require(
            std::isalpha(static_cast<unsigned char>(text[i])),
            "attribute \"equation\": expected letters, \"...\", \",\" and \"->\", found '" + text.substr(i, 1) + "'");
        term.push_back(static_cast<Label>(text[i]));
    }
    return term;
}

Equation read_equation(const NodeView& node) {
    std::string text = node.text("equation", "");
    Equation equation;
    if (const std::size_t arrow = text.find("->"); arrow != std::string::npos) {
        equation.output = read_term(node, text.substr(arrow + 2));
        text.resize(arrow);
    }
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        equation.inputs.push_back(read_term(node, text.substr(begin, end - begin)));
        begin = end + 1;
    }
    return equation;
}

/// Replaces the ellipsis of a term by one label for each of its `count` axes.
Term expand(const Term& term, std::size_t count) {
    Term result;
    for (const Label label : term) {
        if (label != kEllipsis) {
            result.push_back(label);
            continue;
        }
        for (std::size_t i = count; i > 0; --i) result.push_back(kEllipsis + static_cast<Label>(i));
    }
    return result;
}

/// Axes of all operands and the result, with a label each.
struct Plan {
    std::vector<Term> inputs;
    Term output;
    Term summed;  ///< labels of the inputs that the output lacks
};

/// Letters of the result when the equation has no right-hand side: the ellipsis, then what stands exactly once.
Term implicit_output(const std::vector<Term>& inputs) {
    std::map<Label, int> uses;
    for (const Term& term : inputs)
        for (const Label label : term) ++uses[label];
    Term output;
    if (uses.erase(kEllipsis)) output.push_back(kEllipsis);
    for (const auto& [label, count] : uses)
        if (count == 1) output.push_back(label);
    return output;
}

Plan plan_of(const NodeView& node, const std::vector<std::size_t>& ranks) {
    const Equation equation = read_equation(node);
    node.require(equation.inputs.size() == ranks.size(),
                 "attribute \"equation\": " + std::to_string(equation.inputs.size()) + " terms for " +
                     std::to_string(ranks.size()) + " inputs");
    Plan plan;
    std::size_t longest = 0;
    for (std::size_t i = 0; i < ranks.size(); ++i) {
        const Term& term = equation.inputs[i];
        const std::size_t dots = std::find(term.begin(), term.end(), kEllipsis) != term.end();
        node.require(dots ? term.size() - 1 <= ranks[i] : term.size() == ranks[i],
                     "attribute \"equation\": term " + std::to_string(i) + " does not fit an input of rank " +
                         std::to_string(ranks[i]));
        const std::size_t count = dots ? ranks[i] - (term.size() - 1) : 0;
        longest = std::max(longest, count);
        plan.inputs.push_back(expand(term, count));
    }
    plan.output = expand(equation.output ? *equation.output : implicit_output(equation.inputs), longest);
    for (const Term& term : plan.inputs)
        for (const Label label : term)
            if (std::find(plan.output.begin(), plan.output.end(), label) == plan.output.end() &&
                std::find(plan.summed.begin(), plan.summed.end(), label) == plan.summed.end())
                plan.summed.push_back(label);
    for (const Label label : plan.output) {
        node.require(std::count(plan.output.begin(), plan.output.end(), label) == 1,
                     "attribute \"equation\": a letter stands twice in the output");
        const bool known = std::any_of(plan.inputs.begin(), plan.inputs.end(), [&](const Term& term) {
            return std::find(term.begin(), term.end(), label) != term.end();
        });
        node.require(known || label > kEllipsis, "attribute \"equation\": a letter of the output stands in no input");
    }
    return plan;
}

/// Size of every label; axes of size 1 stretch.
std::map<Label, ir::Dim> sizes_of(const NodeView& node, const Plan& plan, const std::vector<ir::Dims>& shapes) {
    std::map<Label, ir::Dim> sizes;
    for (std::size_t i = 0; i < shapes.size(); ++i)
        for (std::size_t axis = 0; axis < shapes[i].size(); ++axis) {
            const auto [it, added] = sizes.emplace(plan.inputs[i][axis], shapes[i][axis]);
            if (!added) it->second = broadcast_dims(node, {it->second}, {shapes[i][axis]})[0];
        }
    return sizes;
}

void infer(InferContext& c) {
    std::vector<std::size_t> ranks;
    std::vector<ir::Dims> shapes;
    for (std::size_t i = 0; i < c.input_count(); ++i) {
        if (!c.dims(i)) {
            read_equation(c);
            return c.set_output(0, c.dtype(0), std::nullopt);
        }
        ranks.push_back(c.dims(i)->size());
        shapes.push_back(*c.dims(i));
    }
    const Plan plan = plan_of(c, ranks);
    const auto sizes = sizes_of(c, plan, shapes);
    ir::Dims y;
    for (const Label label : plan.output) y.push_back(sizes.at(label));
    c.set_output(0, c.dtype(0), std::move(y));
}

template <class Context>
std::pair<Plan, std::map<Label, ir::Dim>> labelled(const Context& c, const std::vector<Shape>& inputs) {
    std::vector<std::size_t> ranks;
    std::vector<ir::Dims> shapes;
    for (const Shape& shape : inputs) {
        ranks.push_back(shape.size());
        shapes.push_back(ir::to_dims(shape));
    }
    Plan plan = plan_of(c, ranks);
    auto sizes = sizes_of(c, plan, shapes);
    return {std::move(plan), std::move(sizes)};
}

Shape shape_of(const Term& term, const std::map<Label, ir::Dim>& sizes) {
    Shape shape;
    for (const Label label : term) shape.push_back(sizes.at(label).value);
    return shape;
}

/// For each axis of an operand, the position of its label among the output's labels followed by the summed ones.
std::vector<std::size_t> positions(const Plan& plan, const Term& term) {
    Term all = plan.output;
    all.insert(all.end(), plan.summed.begin(), plan.summed.end());
    std::vector<std::size_t> result;
    for (const Label label : term)
        result.push_back(static_cast<std::size_t>(std::find(all.begin(), all.end(), label) - all.begin()));
    return result;
}

template <class Number>
void contract(EvalContext& c, const std::vector<Shape>& shapes) {
    const auto [plan, sizes] = labelled(c, shapes);
    std::vector<Elements<Number>> operands;
    std::vector<std::vector<std::size_t>> axes;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        operands.emplace_back(Window::whole(c.input(i)));
        axes.push_back(positions(plan, plan.inputs[i]));
    }
    const Shape whole = shape_of(plan.output, sizes);
    const Box summed = Box::whole(shape_of(plan.summed, sizes));
    Results<Number> output(c.make_output(0, c.input(0).dtype(), whole));
    Shape all(whole.size() + summed.size.size()), at;
    std::size_t element = 0;
    for_each_index(Box::whole(whole), [&](const Shape& y) {
        std::copy(y.begin(), y.end(), all.begin());
        Number sum{};
        for_each_index(summed, [&](const Shape& s) {
            std::copy(s.begin(), s.end(), all.begin() + static_cast<std::ptrdiff_t>(y.size()));
            Number product{1};
            for (std::size_t i = 0; i < operands.size(); ++i) {
                at.resize(shapes[i].size());
                for (std::size_t k = 0; k < at.size(); ++k) at[k] = shapes[i][k] == 1 ? 0 : all[axes[i][k]];
                product *= operands[i][at];
            }
            sum += product;
        });
        output[element++] = sum;
    });
    output.store();
}

void evaluate(EvalContext& c) {
    std::vector<Shape> shapes;
    for (std::size_t i = 0; i < c.input_count(); ++i) shapes.push_back(c.input(i).shape());
    visit_sum(c.input(0).dtype(), [&]<class Number>() { contract<Number>(c, shapes); });
}

/// A product of all operands and a sum for every combination of labels.
std::int64_t flops(const ShapeContext& c) {
    const auto [plan, sizes] = labelled(c, c.inputs);
    const std::int64_t places =
        base::checked_mul(base::element_count(c.outputs[0]), base::element_count(shape_of(plan.summed, sizes)));
    return base::checked_mul(places, static_cast<std::int64_t>(c.inputs.size()));
}

const Op kOperators[] = {{
    .name = "Einsum",
    .inputs = {1, Arity::kAny},
    .attributes = {{"equation", AttributeKind::text, true}},
    .infer = infer,
    .evaluate = evaluate,
    .flops = flops,
}};

}  // namespace

std::span<const Op> einsum_operators() { return kOperators; }

}  // namespace fovea::ops
