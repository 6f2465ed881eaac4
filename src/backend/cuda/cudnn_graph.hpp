#pragma once

#include <array>
#include <optional>
#include <string>

#include "backend/cuda/cudnn.hpp"
#include "backend/epilogue.hpp"

namespace fovea::backend::cuda {

/// Names of the tensors in an operation graph.
enum Uid : std::int64_t { kInput = 1, kWeights, kResult, kBias, kAddend, kFirstVirtual };

/// What an operation graph is made of; its text is the key of a plan.
struct ConvProblem {
    struct Image {
        std::array<std::int64_t, 4> dims{}, strides{};
        std::int64_t alignment = 16;
    };
    DType type = DType::undefined;
    bool tf32 = false, bias = false, adds = false;
    Image input, weights, result, addend;
    std::array<std::int64_t, 2> strides{}, dilations{}, pads_begin{}, pads_end{};
    EpilogueStep activation;

    [[nodiscard]] std::string text() const;
};

/// Whether the library has the activation.
bool cudnn_activation(Activation activation);

/// The chain convolution, bias, addition, activation; what lies between two of them is f32 and stays in registers.
CudnnDescriptor operation_graph(const ConvProblem& problem, cudnnHandle_t handle);

/// The engines with their knobs that the library's heuristics propose, as "12:k3=1,k7=0", most promising first, at most
/// `most`: those that are bit-equal from run to run, and no less exact than the type allows.
std::vector<std::string> proposed_engines(const ConvProblem& problem, cudnnHandle_t handle, std::size_t most);
/// The configuration that such a text stands for.
CudnnDescriptor engine_config(const CudnnDescriptor& graph, const std::string& text);

}  // namespace fovea::backend::cuda
