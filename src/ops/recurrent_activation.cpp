#include <algorithm>
#include <cmath>

#include "ops/recurrence.hpp"

namespace fovea::ops {
namespace {

struct Named {
    std::string_view name;
    bool takes_alpha, takes_beta;
    Activation defaults;
};

const Named kFunctions[] = {
    {"Relu", false, false, {[](double x, double, double) { return std::max(x, 0.0); }, 0, 0}},
    {"Tanh", false, false, {[](double x, double, double) { return std::tanh(x); }, 0, 0}},
    {"Sigmoid", false, false, {[](double x, double, double) { return 1 / (1 + std::exp(-x)); }, 0, 0}},
    {"Affine", true, true, {[](double x, double a, double b) { return a * x + b; }, 1, 0}},
    {"LeakyRelu", true, false, {[](double x, double a, double) { return x >= 0 ? x : a * x; }, 0.01, 0}},
    {"ThresholdedRelu", true, false, {[](double x, double a, double) { return x >= a ? x : 0; }, 1, 0}},
    {"ScaledTanh", true, true, {[](double x, double a, double b) { return a * std::tanh(b * x); }, 1, 1}},
    {"HardSigmoid",
     true,
     true,
     {[](double x, double a, double b) { return std::clamp(a * x + b, 0.0, 1.0); }, 0.2, 0.5}},
    {"Elu", true, false, {[](double x, double a, double) { return x >= 0 ? x : a * std::expm1(x); }, 1, 0}},
    {"Softsign", false, false, {[](double x, double, double) { return x / (1 + std::abs(x)); }, 0, 0}},
    {"Softplus",
     false,
     false,
     {[](double x, double, double) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, 0, 0}},
};

}  // namespace

std::vector<Activation> recurrent_activations(const NodeView& node, const std::vector<std::string>& names) {
    const auto alphas = node.node().get("activation_alpha", std::vector<float>());
    const auto betas = node.node().get("activation_beta", std::vector<float>());
    auto alpha = alphas.begin(), beta = betas.begin();
    const double clip = node.number("clip", std::numeric_limits<float>::infinity());
    node.require(clip >= 0, "attribute \"clip\": expected a number from 0 on, found " + std::to_string(clip));
    std::vector<Activation> result;
    for (const std::string& name : names) {
        const auto* named =
            std::find_if(std::begin(kFunctions), std::end(kFunctions), [&](const Named& f) { return f.name == name; });
        node.require(named != std::end(kFunctions),
                     "attribute \"activations\": the function \"" + name + "\" is not known");
        result.push_back(named->defaults);
        if (named->takes_alpha && alpha != alphas.end()) result.back().alpha = *alpha++;
        if (named->takes_beta && beta != betas.end()) result.back().beta = *beta++;
        result.back().clip = clip;
    }
    return result;
}

}  // namespace fovea::ops
