#pragma once

#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "ops/op.hpp"

/// What RNN, GRU and LSTM share: sizes, directions, sequence lengths, activation functions. All computation is in
/// double.
namespace fovea::ops {

/// Inputs in the order of the specification; GRU and RNN end with `kInitialH`.
enum RecurrentInput : std::size_t { kX, kW, kR, kB, kLengths, kInitialH, kInitialC, kPeephole };

/// An activation function with its parameters.
struct Activation {
    double (*function)(double x, double alpha, double beta);
    double alpha, beta;
    double clip = std::numeric_limits<double>::infinity();  ///< the argument is kept within ±clip

    double operator()(double x) const { return function(x < -clip ? -clip : x > clip ? clip : x, alpha, beta); }
};

/// Activations of all directions, in order: `names` (attribute "activations" or the defaults) with "activation_alpha",
/// "activation_beta" and "clip". The lists of parameters are consumed by the functions that have such a parameter.
std::vector<Activation> recurrent_activations(const NodeView& node, const std::vector<std::string>& names);

/// The weights of one direction; gates stand in the order of the operator.
struct RecurrentWeights {
    std::size_t inputs, hidden, gates;
    std::span<const double> w, r, b,
        peephole;  ///< [gates·hidden, inputs], [gates·hidden, hidden], [2·gates·hidden], [3·hidden]
    std::span<const Activation> functions;

    /// x · Wᵀ plus bias at unit `unit` of gate `gate`.
    [[nodiscard]] double from_input(std::size_t gate, std::size_t unit, std::span<const double> x) const;
    /// h · Rᵀ plus bias at unit `unit` of gate `gate`.
    [[nodiscard]] double from_state(std::size_t gate, std::size_t unit, std::span<const double> h) const;
};

/// State of one sequence.
struct RecurrentState {
    std::vector<double> h, c;  ///< `c`: the LSTM's cells
};

/// What the operators differ in.
struct RecurrentKind {
    std::size_t gates;
    std::vector<std::string> functions;  ///< default activations of one direction
    bool has_cells;
    /// Replaces the state by the one after `x`.
    std::function<void(const RecurrentWeights& weights, std::span<const double> x, RecurrentState& state)> step;
};

void infer_recurrent(InferContext& c, const RecurrentKind& kind);
void evaluate_recurrent(EvalContext& c, const RecurrentKind& kind);
/// Multiplications and additions of the two matrix products.
std::int64_t recurrent_flops(const ShapeContext& c);

}  // namespace fovea::ops
