#include <cmath>
#include <numbers>

#include "ops/broadcast.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void celu(BoxContext& c) {
    const double alpha = c.number("alpha", 1);
    map_real(c, [=](double x) {
        return std::fmax(0.0, x) + std::fmin(0.0, alpha * std::expm1(x / alpha)) + (x != x ? x : 0);
    });
}

void elu(BoxContext& c) {
    const double alpha = c.number("alpha", 1);
    map_real(c, [=](double x) { return x < 0 ? alpha * std::expm1(x) : x; });
}

void selu(BoxContext& c) {
    const double alpha = c.number("alpha", 1.67326319217681884765625f),
                 gamma = c.number("gamma", 1.05070102214813232421875f);
    map_real(c, [=](double x) { return gamma * (x <= 0 ? alpha * std::expm1(x) : x); });
}

void leaky_relu(BoxContext& c) {
    const double alpha = c.number("alpha", 0.01f);
    map_real(c, [=](double x) { return x < 0 ? alpha * x : x; });
}

void thresholded_relu(BoxContext& c) {
    const double alpha = c.number("alpha", 1);
    map_real(c, [=](double x) { return x > alpha || x != x ? x : 0; });
}

void hard_sigmoid(BoxContext& c) {
    const double alpha = c.number("alpha", 0.2f), beta = c.number("beta", 0.5f);
    map_real(c, [=](double x) {
        const double y = alpha * x + beta;
        return y < 0 ? 0 : y > 1 ? 1 : y;
    });
}

void swish(BoxContext& c) {
    const double alpha = c.number("alpha", 1);
    map_real(c, [=](double x) { return x / (1 + std::exp(-alpha * x)); });
}

bool is_tanh_form(const NodeView& node) {
    const std::string form = node.text("approximate", "none");
    node.require(form == "none" || form == "tanh",
                 "attribute \"approximate\": expected \"none\" or \"tanh\", found \"" + form + "\"");
    return form == "tanh";
}

void infer_gelu(InferContext& c) {
    is_tanh_form(c);
    infer_unary<Types::real>(c);
}

void gelu(BoxContext& c) {
    if (is_tanh_form(c))
        map_real(c, [scale = std::sqrt(2 / std::numbers::pi)](double x) {
            return 0.5 * x * (1 + std::tanh(scale * (x + 0.044715 * x * x * x)));
        });
    else
        map_real(c, [](double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); });
}

void shrink(BoxContext& c) {
    const double bias = c.number("bias", 0), lambd = c.number("lambd", 0.5f);
    map_real(c, [=](double x) { return x < -lambd ? x + bias : x > lambd ? x - bias : x != x ? x : 0; });
}

const Op kOperators[] = {
    {.name = "Celu",
     .attributes = {{"alpha", AttributeKind::number}},
     .infer = infer_unary<Types::real>,
     .evaluate_box = celu,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "Elu",
     .attributes = {{"alpha", AttributeKind::number}},
     .infer = infer_unary<Types::real>,
     .evaluate_box = elu,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "Gelu",
     .attributes = {{"approximate", AttributeKind::text}},
     .infer = infer_gelu,
     .evaluate_box = gelu,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "HardSigmoid",
     .attributes = {{"alpha", AttributeKind::number}, {"beta", AttributeKind::number}},
     .infer = infer_unary<Types::real>,
     .evaluate_box = hard_sigmoid,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "LeakyRelu",
     .attributes = {{"alpha", AttributeKind::number}},
     .infer = infer_unary<Types::real>,
     .evaluate_box = leaky_relu,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "Selu",
     .attributes = {{"alpha", AttributeKind::number}, {"gamma", AttributeKind::number}},
     .infer = infer_unary<Types::real>,
     .evaluate_box = selu,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "Shrink",
     .attributes = {{"bias", AttributeKind::number}, {"lambd", AttributeKind::number}},
     .infer = infer_unary<Types::number>,
     .evaluate_box = shrink,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "Swish",
     .attributes = {{"alpha", AttributeKind::number}},
     .infer = infer_unary<Types::real>,
     .evaluate_box = swish,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "ThresholdedRelu",
     .attributes = {{"alpha", AttributeKind::number}},
     .infer = infer_unary<Types::real>,
     .evaluate_box = thresholded_relu,
     .required_input = broadcast_box,
     .elementwise = true},
};

}  // namespace

std::span<const Op> activation_operators() { return kOperators; }

}  // namespace fovea::ops
