#include "precision/operators.hpp"

#include <algorithm>
#include <utility>

namespace fovea::precision {
namespace {

constexpr std::string_view kCoordinates = "computes coordinates, which need more digits than a narrow type has";
constexpr std::string_view kSums = "sums up along an axis, so that rounding errors grow";
constexpr std::string_view kPhase = "the phase of a large argument is lost in a narrow type";
constexpr std::string_view kBody = "the types of its bodies are fixed";
constexpr std::string_view kOrder = "orders boxes or scores, where ties of rounded values change the result";
constexpr std::string_view kQuantised = "its scales and zero points describe f32";
constexpr std::string_view kCancels = "subtracts large numbers of nearly equal size";
constexpr std::string_view kState = "carries a state from step to step, so that rounding errors grow";
constexpr std::string_view kDeclared = "its type is part of the operator";

constexpr std::pair<std::string_view, std::string_view> kKept[] = {
    {"Acos", kPhase},
    {"AffineGrid", kCoordinates},
    {"Asin", kPhase},
    {"BitCast", kDeclared},
    {"Cast", kDeclared},
    {"CastLike", kDeclared},
    {"ConstantOfShape", kDeclared},
    {"Cos", kPhase},
    {"CumProd", kSums},
    {"CumSum", kSums},
    {"DeformConv", kCoordinates},
    {"DequantizeLinear", kQuantised},
    {"Det", kCancels},
    {"DynamicQuantizeLinear", kQuantised},
    {"EyeLike", kDeclared},
    {"GRU", kState},
    {"If", kBody},
    {"LSTM", kState},
    {"LinearAttention", kState},
    {"Loop", kBody},
    {"NonMaxSuppression", kOrder},
    {"QuantizeLinear", kQuantised},
    {"RNN", kState},
    {"Range", kCoordinates},
    {"RoiAlign", kCoordinates},
    {"RotaryEmbedding", kPhase},
    {"Scan", kBody},
    {"Sin", kPhase},
    {"Tan", kPhase},
    {"TopK", kOrder},
    {"Unique", kOrder},
};

constexpr std::string_view kHeavy[] = {
    "Attention",          "Conv",   "ConvTranspose",   "Einsum", "Gemm", "GroupNormalization", "InstanceNormalization",
    "LayerNormalization", "MatMul", "RMSNormalization"};

/// Operators of which only the first inputs are narrow.
constexpr std::pair<std::string_view, std::size_t> kNarrowInputs[] = {
    {"BatchNormalization", 1},
    {"Conv", 2},
    {"ConvTranspose", 2},
    {"Gemm", 2},
    {"GridSample", 1},
    {"GroupNormalization", 1},
    {"InstanceNormalization", 1},
    {"LayerNormalization", 1},
    {"Resize", 1},
};

/// Element-wise operators that take numbers in f32 beside a narrow tensor: kernels compute in f32 anyway.
constexpr std::string_view kWideNumbers[] = {"Add", "Div", "Mul", "PRelu", "Pow", "Sub"};

}  // namespace

std::string_view keeps_f32(std::string_view op) {
    const auto it =
        std::find_if(std::begin(kKept), std::end(kKept), [op](const auto& entry) { return entry.first == op; });
    return it == std::end(kKept) ? std::string_view() : it->second;
}

bool narrow_input(const ir::Node& node, std::size_t i) {
    const auto it = std::find_if(std::begin(kNarrowInputs), std::end(kNarrowInputs),
                                 [&node](const auto& entry) { return entry.first == node.op; });
    return it == std::end(kNarrowInputs) || i < it->second;
}

bool keeps_numbers(const ir::Node& node) {
    return std::find(std::begin(kWideNumbers), std::end(kWideNumbers), node.op) != std::end(kWideNumbers);
}

bool heavy(const ir::Node& node) {
    return std::find(std::begin(kHeavy), std::end(kHeavy), node.op) != std::end(kHeavy);
}

}  // namespace fovea::precision
