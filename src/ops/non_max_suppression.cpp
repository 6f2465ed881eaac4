#include <algorithm>
#include <cmath>

#include "base/parallel.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer_suppression(InferContext& c) {
    if (expect_rank(c, 0, 3, 3)) {
        expect_same(c, (*c.dims(0))[2], 4, "coordinates of a box");
        if (expect_rank(c, 1, 3, 3)) {
            expect_same(c, (*c.dims(0))[0], (*c.dims(1))[0], "batch of boxes and scores");
            expect_same(c, (*c.dims(0))[1], (*c.dims(1))[2], "number of boxes and scores");
        }
    }
    expect_rank(c, 1, 3, 3);
    const std::int64_t centred = c.integer("center_point_box", 0);
    c.require(centred == 0 || centred == 1,
              "attribute \"center_point_box\": expected 0 or 1, found " + std::to_string(centred));
    c.set_output(0, DType::i64, ir::Dims{ir::Dim(), ir::Dim(3)});
}

/// Boxes of a class: at most as many as the constant input 2 allows.
std::optional<Found> found(const ShapeContext& c, const CountedAxes& counted) {
    const bool boxes = counted[0] || counted[1];
    if (boxes && (counted[0] != std::size_t{1} || counted[1] != std::size_t{2})) return std::nullopt;
    for (std::size_t i = 2; i < counted.size(); ++i)
        if (counted[i]) return std::nullopt;
    const Shape& scores = c.inputs[1];
    std::int64_t most =
        c.inputs.size() > 2 && !c.node().inputs.empty() && c.node().inputs[2] != ir::kNone ? scores[2] : 0;
    if (c.constants.size() > 2 && c.constants[2] && c.constants[2].size() > 0)
        most = std::clamp<std::int64_t>(c.constants[2].to_int64()[0], 0, most);
    return Found{0, scores[0] * scores[1] * most};
}

struct Corners {
    double low[2], high[2];

    [[nodiscard]] double area() const { return (high[0] - low[0]) * (high[1] - low[1]); }
};

Corners corners_of(const Reals& boxes, std::int64_t batch, std::int64_t box, bool centred) {
    const auto at = [&](std::int64_t i) { return boxes[Shape{batch, box, i}]; };
    Corners corners{};
    for (int i = 0; i < 2; ++i) {
        const double a = centred ? at(i) - at(i + 2) / 2 : at(i), b = centred ? at(i) + at(i + 2) / 2 : at(i + 2);
        corners.low[i] = std::fmin(a, b);
        corners.high[i] = std::fmax(a, b);
    }
    return corners;
}

double intersection_over_union(const Corners& a, const Corners& b) {
    double intersection = 1;
    for (int i = 0; i < 2; ++i)
        intersection *= std::fmax(0, std::fmin(a.high[i], b.high[i]) - std::fmax(a.low[i], b.low[i]));
    const double total = a.area() + b.area() - intersection;
    return intersection > 0 && total > 0 ? intersection / total : 0;
}

/// Boxes of one class and batch entry that survive, best first; of equal scores the first box wins, and scores that
/// are no numbers come last.
std::vector<std::int64_t> survivors(const std::vector<Corners>& boxes, const std::vector<double>& scores,
                                    std::int64_t limit, double overlap, std::optional<double> threshold) {
    std::vector<std::int64_t> order;
    for (std::size_t i = 0; i < scores.size(); ++i)
        if (!threshold || scores[i] > *threshold) order.push_back(static_cast<std::int64_t>(i));
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        const double x = scores[static_cast<std::size_t>(a)], y = scores[static_cast<std::size_t>(b)];
        return std::isnan(x) || std::isnan(y) ? std::isnan(y) && !std::isnan(x) : x > y;
    });
    std::vector<std::int64_t> kept;
    for (const std::int64_t candidate : order) {
        if (static_cast<std::int64_t>(kept.size()) >= limit) break;
        const bool suppressed = std::any_of(kept.begin(), kept.end(), [&](std::int64_t other) {
            return intersection_over_union(boxes[static_cast<std::size_t>(candidate)],
                                           boxes[static_cast<std::size_t>(other)]) > overlap;
        });
        if (!suppressed) kept.push_back(candidate);
    }
    return kept;
}

std::optional<double> scalar(const EvalContext& c, std::size_t i) {
    if (!c.has(i) || c.input(i).size() == 0) return std::nullopt;
    return Reals(Window::whole(c.input(i)))[std::size_t{0}];
}

void evaluate_suppression(EvalContext& c) {
    const Shape& shape = c.input(1).shape();
    const Reals boxes(Window::whole(c.input(0))), scores(Window::whole(c.input(1)));
    const std::int64_t limit = c.has(2) && c.input(2).size() > 0 ? c.input(2).to_int64()[0] : 0;
    const bool centred = c.integer("center_point_box", 0) == 1;
    std::vector<std::vector<Corners>> corners(static_cast<std::size_t>(shape[0]));
    for (std::int64_t batch = 0; batch < shape[0]; ++batch)
        for (std::int64_t i = 0; i < shape[2]; ++i)
            corners[static_cast<std::size_t>(batch)].push_back(corners_of(boxes, batch, i, centred));
    const double overlap = scalar(c, 3).value_or(0);
    const auto threshold = scalar(c, 4);
    std::vector<std::vector<std::int64_t>> kept(static_cast<std::size_t>(shape[0] * shape[1]));
    base::parallel_for(shape[0] * shape[1], 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t line = begin; line < end; ++line) {
            const std::int64_t batch = line / shape[1];
            std::vector<double> of_class;
            for (std::int64_t i = 0; i < shape[2]; ++i) of_class.push_back(scores[Shape{batch, line % shape[1], i}]);
            kept[static_cast<std::size_t>(line)] =
                survivors(corners[static_cast<std::size_t>(batch)], of_class, limit, overlap, threshold);
        }
    });
    std::vector<std::int64_t> selected;
    for (std::int64_t line = 0; line < shape[0] * shape[1]; ++line)
        for (const std::int64_t box : kept[static_cast<std::size_t>(line)])
            selected.insert(selected.end(), {line / shape[1], line % shape[1], box});
    c.set_output(0, Tensor::from<std::int64_t>({static_cast<std::int64_t>(selected.size()) / 3, 3}, selected));
}

const Op kOperators[] = {{
    .name = "NonMaxSuppression",
    .inputs = {2, 5},
    .attributes = {{"center_point_box", AttributeKind::integer}},
    .infer = infer_suppression,
    .evaluate = evaluate_suppression,
    .found = found,
}};

}  // namespace

std::span<const Op> non_max_suppression_operators() { return kOperators; }

}  // namespace fovea::ops
