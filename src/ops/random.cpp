#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "base/limits.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"
#include "ops/types.hpp"

namespace fovea::ops {
namespace {

using Generator = std::mt19937_64;

/// Attribute "seed" starts the same sequence every time; without it every evaluation differs.
Generator generator_of(const NodeView& node) {
    const auto* seed = node.node().find<float>("seed");
    if (!seed) return Generator(std::random_device{}());
    std::uint32_t bits;
    std::memcpy(&bits, seed, sizeof bits);
    return Generator(bits);
}

void fill(EvalContext& c, DType type, const Shape& shape, const std::function<double()>& next) {
    c.require(base::element_count(shape) <= base::limits::kMaxElements,
              "the output exceeds the limit of 2^36 elements");
    Tensor numbers(DType::f64, shape);
    for (double& number : numbers.as<double>()) number = next();
    c.set_output(0, numbers.cast(type));
}

void fill_uniform(EvalContext& c, DType type, const Shape& shape) {
    const double low = c.number("low", 0), high = c.number("high", 1);
    c.require(low <= high && std::isfinite(high - low), "attributes \"low\" and \"high\": expected a finite range");
    Generator generator = generator_of(c);
    std::uniform_real_distribution<double> distribution(low, high);
    fill(c, type, shape, [&] { return distribution(generator); });
}

void fill_normal(EvalContext& c, DType type, const Shape& shape) {
    const double mean = c.number("mean", 0), scale = c.number("scale", 1);
    c.require(scale >= 0, "attribute \"scale\": expected a number from 0 on, found " + std::to_string(scale));
    Generator generator = generator_of(c);
    std::normal_distribution<double> distribution(0, 1);
    fill(c, type, shape, [&] { return mean + scale * distribution(generator); });
}

// ---- RandomUniform and RandomNormal

void infer_given(InferContext& c) {
    const auto shape = c.integers("shape");
    for (const std::int64_t size : shape)
        c.require(size >= 0, "attribute \"shape\": expected sizes from 0 on, found " + base::to_string(shape));
    c.set_output(0, type_attribute(c, "dtype", DType::f32), ir::to_dims(shape));
}

template <void (*kFill)(EvalContext&, DType, const Shape&)>
void evaluate_given(EvalContext& c) {
    kFill(c, type_attribute(c, "dtype", DType::f32), c.integers("shape"));
}

// ---- RandomUniformLike, RandomNormalLike and Bernoulli

void infer_like(InferContext& c) { c.set_output(0, type_attribute(c, "dtype", c.dtype(0)), c.dims(0)); }

template <void (*kFill)(EvalContext&, DType, const Shape&)>
void evaluate_like(EvalContext& c) {
    kFill(c, type_attribute(c, "dtype", c.input(0).dtype()), c.input(0).shape());
}

void infer_bernoulli(InferContext& c) {
    expect_real(c, 0);
    infer_like(c);
}

void evaluate_bernoulli(EvalContext& c) {
    const Tensor wide = c.input(0).cast(DType::f64);
    const auto probabilities = wide.as<double>();
    Generator generator = generator_of(c);
    std::uniform_real_distribution<double> distribution(0, 1);
    std::size_t element = 0;
    fill(c, type_attribute(c, "dtype", c.input(0).dtype()), wide.shape(),
         [&] { return distribution(generator) < probabilities[element++] ? 1.0 : 0.0; });
}

// ---- Multinomial

void infer_multinomial(InferContext& c) {
    expect_real(c, 0);
    const ir::Dim batch = expect_rank(c, 0, 2, 2) ? (*c.dims(0))[0] : ir::Dim();
    const DType type = type_attribute(c, "dtype", DType::i32);
    c.require(type == DType::i32 || type == DType::i64, "attribute \"dtype\": expected i32 or i64");
    c.set_output(0, type, ir::Dims{batch, expect_positive(c, "sample_size", 1)});
}

void evaluate_multinomial(EvalContext& c) {
    const Tensor logarithms = c.input(0).cast(DType::f64);
    const auto count = static_cast<std::size_t>(logarithms.shape()[1]);
    const std::int64_t samples = expect_positive(c, "sample_size", 1);
    c.require(count > 0, "expected at least one class");
    Generator generator = generator_of(c);
    std::discrete_distribution<std::int64_t> distribution;
    std::int64_t element = 0;
    fill(c, type_attribute(c, "dtype", DType::i32), {logarithms.shape()[0], samples}, [&] {
        if (element % samples == 0) {
            const auto row =
                logarithms.as<double>().subspan(static_cast<std::size_t>(element / samples) * count, count);
            const double largest = *std::max_element(row.begin(), row.end());
            std::vector<double> weights;
            for (const double value : row) weights.push_back(std::exp(value - largest));
            distribution = std::discrete_distribution<std::int64_t>(weights.begin(), weights.end());
        }
        ++element;
        return static_cast<double>(distribution(generator));
    });
}

const Op kOperators[] = {
    {.name = "Bernoulli",
     .attributes = {{"dtype", AttributeKind::integer}, {"seed", AttributeKind::number}},
     .infer = infer_bernoulli,
     .evaluate = evaluate_bernoulli,
     .deterministic = false},
    {.name = "Multinomial",
     .attributes = {{"dtype", AttributeKind::integer},
                    {"sample_size", AttributeKind::integer},
                    {"seed", AttributeKind::number}},
     .infer = infer_multinomial,
     .evaluate = evaluate_multinomial,
     .deterministic = false},
    {.name = "RandomNormal",
     .inputs = {0, 0},
     .attributes = {{"dtype", AttributeKind::integer},
                    {"mean", AttributeKind::number},
                    {"scale", AttributeKind::number},
                    {"seed", AttributeKind::number},
                    {"shape", AttributeKind::integers, true}},
     .infer = infer_given,
     .evaluate = evaluate_given<fill_normal>,
     .deterministic = false},
    {.name = "RandomNormalLike",
     .attributes = {{"dtype", AttributeKind::integer},
                    {"mean", AttributeKind::number},
                    {"scale", AttributeKind::number},
                    {"seed", AttributeKind::number}},
     .infer = infer_like,
     .evaluate = evaluate_like<fill_normal>,
     .deterministic = false},
    {.name = "RandomUniform",
     .inputs = {0, 0},
     .attributes = {{"dtype", AttributeKind::integer},
                    {"high", AttributeKind::number},
                    {"low", AttributeKind::number},
                    {"seed", AttributeKind::number},
                    {"shape", AttributeKind::integers, true}},
     .infer = infer_given,
     .evaluate = evaluate_given<fill_uniform>,
     .deterministic = false},
    {.name = "RandomUniformLike",
     .attributes = {{"dtype", AttributeKind::integer},
                    {"high", AttributeKind::number},
                    {"low", AttributeKind::number},
                    {"seed", AttributeKind::number}},
     .infer = infer_like,
     .evaluate = evaluate_like<fill_uniform>,
     .deterministic = false},
};

}  // namespace

std::span<const Op> random_operators() { return kOperators; }

}  // namespace fovea::ops
