#include "ops/recurrence.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

// ---- RNN: H = f(X·Wᵀ + H·Rᵀ + biases)

void step_rnn(const RecurrentWeights& weights, std::span<const double> x, RecurrentState& state) {
    const std::vector<double> h = state.h;
    for (std::size_t unit = 0; unit < weights.hidden; ++unit)
        state.h[unit] = weights.functions[0](weights.from_input(0, unit, x) + weights.from_state(0, unit, h));
}

// ---- GRU: gates z (update), r (reset), h (hidden)

void step_gru(const RecurrentWeights& weights, std::span<const double> x, RecurrentState& state,
              bool linear_before_reset) {
    const Activation &f = weights.functions[0], &g = weights.functions[1];
    const std::vector<double> h = state.h;
    const auto gate = [&](std::size_t number, std::size_t unit) {
        return f(weights.from_input(number, unit, x) + weights.from_state(number, unit, h));
    };
    std::vector<double> reset(h);
    for (std::size_t unit = 0; unit < weights.hidden; ++unit) reset[unit] *= gate(1, unit);
    for (std::size_t unit = 0; unit < weights.hidden; ++unit) {
        const double update = gate(0, unit);
        const double recurrent =
            linear_before_reset ? gate(1, unit) * weights.from_state(2, unit, h) : weights.from_state(2, unit, reset);
        state.h[unit] = (1 - update) * g(weights.from_input(2, unit, x) + recurrent) + update * h[unit];
    }
}

// ---- LSTM: gates i (input), o (output), f (forget), c (cell)

void step_lstm(const RecurrentWeights& weights, std::span<const double> x, RecurrentState& state, bool couple_forget) {
    const Activation &f = weights.functions[0], &g = weights.functions[1];
    Activation h = weights.functions[2];
    // "clip" bounds the gates, not the cell that leaves through h.
    h.clip = std::numeric_limits<double>::infinity();
    const std::vector<double> previous = state.h;
    const auto sum = [&](std::size_t gate, std::size_t unit) {
        return weights.from_input(gate, unit, x) + weights.from_state(gate, unit, previous);
    };
    const auto peep = [&](std::size_t gate, std::size_t unit) {
        return weights.peephole.empty() ? 0 : weights.peephole[gate * weights.hidden + unit] * state.c[unit];
    };
    for (std::size_t unit = 0; unit < weights.hidden; ++unit) {
        const double input = f(sum(0, unit) + peep(0, unit));
        const double forget = couple_forget ? 1 - input : f(sum(2, unit) + peep(2, unit));
        state.c[unit] = forget * state.c[unit] + input * g(sum(3, unit));
        state.h[unit] = f(sum(1, unit) + peep(1, unit)) * h(state.c[unit]);
    }
}

RecurrentKind rnn(const NodeView&) { return {1, {"Tanh"}, false, step_rnn}; }

RecurrentKind gru(const NodeView& node) {
    const bool linear = node.integer("linear_before_reset", 0) != 0;
    return {3, {"Sigmoid", "Tanh"}, false, [linear](const auto& weights, auto x, auto& state) {
                step_gru(weights, x, state, linear);
            }};
}

RecurrentKind lstm(const NodeView& node) {
    const bool couple = node.integer("input_forget", 0) != 0;
    return {4, {"Sigmoid", "Tanh", "Tanh"}, true, [couple](const auto& weights, auto x, auto& state) {
                step_lstm(weights, x, state, couple);
            }};
}

template <RecurrentKind (*kKind)(const NodeView&)>
void infer(InferContext& c) {
    infer_recurrent(c, kKind(c));
}

template <RecurrentKind (*kKind)(const NodeView&)>
void evaluate(EvalContext& c) {
    evaluate_recurrent(c, kKind(c));
}

constexpr AttributeSpec kLinearBeforeReset{"linear_before_reset", AttributeKind::integer},
    kInputForget{"input_forget", AttributeKind::integer};

/// What the three share, and `kOwn`.
template <const AttributeSpec*... kOwn>
std::initializer_list<AttributeSpec> attributes() {
    static const std::initializer_list<AttributeSpec> kAttributes = {
        {"activation_alpha", AttributeKind::numbers}, {"activation_beta", AttributeKind::numbers},
        {"activations", AttributeKind::texts},        {"clip", AttributeKind::number},
        {"direction", AttributeKind::text},           {"hidden_size", AttributeKind::integer},
        {"layout", AttributeKind::integer},           *kOwn...};
    return kAttributes;
}

const Op kOperators[] = {
    {.name = "RNN",
     .inputs = {3, 6},
     .outputs = {1, 2},
     .attributes = attributes<>(),
     .infer = infer<rnn>,
     .evaluate = evaluate<rnn>,
     .flops = recurrent_flops},
    {.name = "GRU",
     .inputs = {3, 6},
     .outputs = {1, 2},
     .attributes = attributes<&kLinearBeforeReset>(),
     .infer = infer<gru>,
     .evaluate = evaluate<gru>,
     .flops = recurrent_flops},
    {.name = "LSTM",
     .inputs = {3, 8},
     .outputs = {1, 3},
     .attributes = attributes<&kInputForget>(),
     .infer = infer<lstm>,
     .evaluate = evaluate<lstm>,
     .flops = recurrent_flops},
};

}  // namespace

std::span<const Op> recurrent_operators() { return kOperators; }

}  // namespace fovea::ops
