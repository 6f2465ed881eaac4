#include "ops/recurrence.hpp"

#include <algorithm>
#include <numeric>

#include "base/checked.hpp"
#include "ops/expect.hpp"

namespace fovea::ops {
namespace {

enum class Direction { forward, reverse, bidirectional };

Direction direction_of(const NodeView& node) {
    const std::string direction = node.text("direction", "forward");
    if (direction == "forward") return Direction::forward;
    if (direction == "reverse") return Direction::reverse;
    node.require(direction == "bidirectional",
                 "attribute \"direction\": expected forward, reverse or bidirectional, found " + direction);
    return Direction::bidirectional;
}

std::size_t direction_count(const NodeView& node) { return direction_of(node) == Direction::bidirectional ? 2 : 1; }

bool batch_first(const NodeView& node) {
    const std::int64_t layout = node.integer("layout", 0);
    node.require(layout == 0 || layout == 1, "attribute \"layout\": expected 0 or 1, found " + std::to_string(layout));
    return layout == 1;
}

std::vector<Activation> activations_of(const NodeView& node, const RecurrentKind& kind) {
    const std::size_t directions = direction_count(node);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < directions; ++i)
        names.insert(names.end(), kind.functions.begin(), kind.functions.end());
    const auto given = node.node().get("activations", names);
    node.require(given.size() == names.size(), "attribute \"activations\": expected " + std::to_string(names.size()) +
                                                   " functions, found " + std::to_string(given.size()));
    return recurrent_activations(node, given);
}

/// [directions, factor · hidden, last]
void expect_weights(const InferContext& c, std::size_t i, std::size_t factor, const ir::Dim& hidden,
                    const std::optional<ir::Dim>& last) {
    const std::size_t rank = last ? 3 : 2;
    if (!expect_rank(c, i, rank, rank)) return;
    const ir::Dims& dims = *c.dims(i);
    const std::string name = "input " + std::to_string(i) + ", axis ";
    expect_same(c, dims[0], static_cast<std::int64_t>(direction_count(c)), name + "0 (directions)");
    if (hidden.known())
        expect_same(c, dims[1], base::checked_mul(static_cast<std::int64_t>(factor), hidden.value),
                    name + "1 (gates by hidden size)");
    if (last) expect_same(c, dims[2], *last, name + "2");
}

void expect_state(const InferContext& c, std::size_t i, const ir::Dims& dims) {
    if (!expect_rank(c, i, 3, 3)) return;
    for (std::size_t axis = 0; axis < 3; ++axis)
        expect_same(c, (*c.dims(i))[axis], dims[axis], "input " + std::to_string(i) + ", axis " + std::to_string(axis));
}

ir::Dim hidden_size(const InferContext& c) {
    ir::Dim hidden;
    if (c.node().attributes.contains("hidden_size")) hidden = expect_positive(c, "hidden_size", 1);
    if (expect_rank(c, kR, 3, 3)) hidden = expect_same(c, hidden, (*c.dims(kR))[2], "hidden size");
    return hidden;
}

}  // namespace

double RecurrentWeights::from_input(std::size_t gate, std::size_t unit, std::span<const double> x) const {
    const std::size_t row = gate * hidden + unit;
    const double bias = b.empty() ? 0 : b[row];
    return std::inner_product(x.begin(), x.end(), w.begin() + static_cast<std::ptrdiff_t>(row * inputs), bias);
}

double RecurrentWeights::from_state(std::size_t gate, std::size_t unit, std::span<const double> h) const {
    const std::size_t row = gate * hidden + unit;
    const double bias = b.empty() ? 0 : b[gates * hidden + row];
    return std::inner_product(h.begin(), h.end(), r.begin() + static_cast<std::ptrdiff_t>(row * hidden), bias);
}

void infer_recurrent(InferContext& c, const RecurrentKind& kind) {
    for (const std::size_t i : {kX, kW, kR, kB, kInitialH, kInitialC, kPeephole}) {
        expect_real(c, i);
        c.require(!c.has(i) || c.dtype(i) == c.dtype(kX),
                  "input " + std::to_string(i) + " differs in type from input 0");
    }
    activations_of(c, kind);
    const bool first = batch_first(c);
    const ir::Dim directions(static_cast<std::int64_t>(direction_count(c))), hidden = hidden_size(c);
    ir::Dim steps, batch, inputs;
    if (expect_rank(c, kX, 3, 3)) {
        steps = (*c.dims(kX))[first ? 1 : 0];
        batch = (*c.dims(kX))[first ? 0 : 1];
        inputs = (*c.dims(kX))[2];
    }
    expect_weights(c, kW, kind.gates, hidden, inputs);
    expect_weights(c, kR, kind.gates, hidden, hidden);
    expect_weights(c, kB, 2 * kind.gates, hidden, std::nullopt);
    expect_weights(c, kPeephole, 3, hidden, std::nullopt);
    expect_vector(c, kLengths, batch);
    const ir::Dims state = first ? ir::Dims{batch, directions, hidden} : ir::Dims{directions, batch, hidden};
    expect_state(c, kInitialH, state);
    expect_state(c, kInitialC, state);
    c.set_output(0, c.dtype(kX),
                 first ? ir::Dims{batch, steps, directions, hidden} : ir::Dims{steps, directions, batch, hidden});
    c.set_output(1, c.dtype(kX), state);
    c.set_output(2, c.dtype(kX), state);
}

namespace {

/// Sizes and contents of one evaluation.
class Recurrence {
  public:
    Recurrence(EvalContext& c, const RecurrentKind& kind)
        : c_(c), kind_(kind), first_(batch_first(c)), functions_(activations_of(c, kind)) {
        for (std::size_t i = 0; i < 8; ++i)
            if (c.has(i) && i != kLengths) inputs_[i] = c.input(i).cast(DType::f64);
        const Shape& x = inputs_[kX].shape();
        steps_ = static_cast<std::size_t>(x[first_ ? 1 : 0]);
        batch_ = static_cast<std::size_t>(x[first_ ? 0 : 1]);
        width_ = static_cast<std::size_t>(x[2]);
        hidden_ = static_cast<std::size_t>(inputs_[kR].shape()[2]);
        lengths_.assign(batch_, x[first_ ? 1 : 0]);
        if (c.has(kLengths)) lengths_ = c.input(kLengths).to_int64();
        for (const std::int64_t length : lengths_)
            c.require(
                length >= 0 && length <= static_cast<std::int64_t>(steps_),
                "input 4: the length " + std::to_string(length) + " exceeds the " + std::to_string(steps_) + " steps");
    }

    void run() {
        directions_ = direction_count(c_);
        const auto size = [](std::size_t n) { return static_cast<std::int64_t>(n); };
        const Shape state = first_ ? Shape{size(batch_), size(directions_), size(hidden_)}
                                   : Shape{size(directions_), size(batch_), size(hidden_)};
        const Shape all = first_ ? Shape{size(batch_), size(steps_), size(directions_), size(hidden_)}
                                 : Shape{size(steps_), size(directions_), size(batch_), size(hidden_)};
        y_ = Tensor::zeros(DType::f64, all);
        final_h_ = Tensor::zeros(DType::f64, state);
        final_c_ = Tensor::zeros(DType::f64, state);
        for (std::size_t direction = 0; direction < directions_; ++direction)
            for (std::size_t entry = 0; entry < batch_; ++entry) run_sequence(direction, entry);
        const DType type = c_.input(kX).dtype();
        c_.set_output(0, y_.cast(type));
        c_.set_output(1, final_h_.cast(type));
        if (kind_.has_cells) c_.set_output(2, final_c_.cast(type));
    }

  private:
    [[nodiscard]] std::span<const double> row(std::size_t input, std::size_t index, std::size_t count) const {
        return inputs_[input] ? inputs_[input].as<double>().subspan(index * count, count) : std::span<const double>();
    }

    [[nodiscard]] RecurrentWeights weights(std::size_t direction) const {
        const std::size_t rows = kind_.gates * hidden_, count = kind_.functions.size();
        return {width_,
                hidden_,
                kind_.gates,
                row(kW, direction, rows * width_),
                row(kR, direction, rows * hidden_),
                row(kB, direction, 2 * rows),
                row(kPeephole, direction, 3 * hidden_),
                std::span(functions_).subspan(direction * count, count)};
    }

    void run_sequence(std::size_t direction, std::size_t entry) {
        const RecurrentWeights parameters = weights(direction);
        const std::size_t place = first_ ? entry * directions_ + direction : direction * batch_ + entry;
        const auto initial = [&](std::size_t input) {
            const auto values = row(input, place, hidden_);
            return values.empty() ? std::vector<double>(hidden_, 0) : std::vector<double>(values.begin(), values.end());
        };
        RecurrentState state{initial(kInitialH), initial(kInitialC)};
        const bool backwards = direction == 1 || direction_of(c_) == Direction::reverse;
        const auto length = static_cast<std::size_t>(lengths_[entry]);
        for (std::size_t i = 0; i < length; ++i) {
            const std::size_t step = backwards ? length - 1 - i : i;
            kind_.step(parameters, row(kX, first_ ? entry * steps_ + step : step * batch_ + entry, width_), state);
            store(y_,
                  first_ ? (entry * steps_ + step) * directions_ + direction
                         : (step * directions_ + direction) * batch_ + entry,
                  state.h);
        }
        if (length == 0) return;
        store(final_h_, place, state.h);
        store(final_c_, place, state.c);
    }

    void store(Tensor& target, std::size_t index, const std::vector<double>& values) const {
        std::copy(values.begin(), values.end(),
                  target.as<double>().begin() + static_cast<std::ptrdiff_t>(index * hidden_));
    }

    EvalContext& c_;
    const RecurrentKind& kind_;
    bool first_;
    std::vector<Activation> functions_;
    Tensor inputs_[8];
    std::size_t steps_ = 0, batch_ = 0, width_ = 0, hidden_ = 0, directions_ = 0;
    std::vector<std::int64_t> lengths_;
    Tensor y_, final_h_, final_c_;
};

}  // namespace

void evaluate_recurrent(EvalContext& c, const RecurrentKind& kind) { Recurrence(c, kind).run(); }

std::int64_t recurrent_flops(const ShapeContext& c) {
    const Shape &x = c.inputs[kX], &w = c.inputs[kW], &r = c.inputs[kR];
    const std::int64_t weights = base::checked_add(base::element_count(w), base::element_count(r));
    return base::checked_mul(2 * x[0], base::checked_mul(x[1], weights));
}

}  // namespace fovea::ops
