#include <cmath>

#include "ops/expect.hpp"
#include "ops/index.hpp"
#include "ops/registry.hpp"
#include "ops/types.hpp"

/// Losses over classes (axis 1 of the scores), as evaluation graphs carry them.
namespace fovea::ops {
namespace {

std::string reduction_of(const NodeView& node) {
    std::string reduction = node.text("reduction", "mean");
    node.require(reduction == "none" || reduction == "sum" || reduction == "mean",
                 "attribute \"reduction\": expected \"none\", \"sum\" or \"mean\", found \"" + reduction + "\"");
    return reduction;
}

void infer(InferContext& c) {
    expect_real(c, 0);
    expect_types(c, 1, Types::integer);
    expect_same_type(c, 0, 2);
    const bool reduced = reduction_of(c) != "none";
    c.set_output(1, c.dtype(0), c.dims(0));
    c.set_output(0, c.dtype(0), reduced ? std::optional(ir::Dims()) : c.dims(1));
    if (!c.dims(0)) return;
    ir::Dims expected = *c.dims(0);
    c.require(expected.size() >= 2, "input 0: expected a rank of 2 or more, found shape " + ir::to_string(c.dims(0)));
    expect_vector(c, 2, expected[1]);
    expected.erase(expected.begin() + 1);
    if (c.dims(1)) {
        c.require(c.dims(1)->size() == expected.size(),
                  "input 1: expected sizes " + ir::to_string(expected) + ", found " + ir::to_string(c.dims(1)));
        for (std::size_t i = 0; i < expected.size(); ++i)
            expected[i] = expect_same(c, expected[i], (*c.dims(1))[i], "sizes of scores and labels");
    }
    if (!reduced) c.set_output(0, c.dtype(0), std::move(expected));
}

/// log softmax along axis 1.
Tensor log_softmax(const Tensor& scores) {
    const Shape& shape = scores.shape();
    const Box all = Box::whole(shape);
    Tensor result(DType::f64, shape);
    const auto x = scores.as<double>();
    for_each_index(all, [&](const Shape& at) {
        double largest = -std::numeric_limits<double>::infinity(), sum = 0;
        Shape other = at;
        for (other[1] = 0; other[1] < shape[1]; ++other[1]) largest = std::fmax(largest, x[offset_in(all, other)]);
        for (other[1] = 0; other[1] < shape[1]; ++other[1]) sum += std::exp(x[offset_in(all, other)] - largest);
        result.as<double>()[offset_in(all, at)] = x[offset_in(all, at)] - largest - std::log(sum);
    });
    return result;
}

/// Weighted negative log likelihood of the labels, reduced as the node asks.
Tensor loss(const EvalContext& c, const Tensor& log_probability) {
    const Shape& shape = log_probability.shape();
    const auto labels = c.input(1).to_int64();
    const Tensor weights = c.has(2) ? c.input(2).cast(DType::f64) : Tensor();
    const auto* ignored = c.node().find<std::int64_t>("ignore_index");
    Tensor losses = Tensor::zeros(DType::f64, c.input(1).shape());
    double sum = 0, total = 0;
    std::size_t element = 0;
    for_each_index(Box::whole(losses.shape()), [&](const Shape& at) {
        const std::int64_t label = labels[element++];
        if (ignored && label == *ignored) return;
        c.require(label >= 0 && label < shape[1], "input 1: expected labels from 0 to " + std::to_string(shape[1] - 1) +
                                                      ", found " + std::to_string(label));
        Shape place = at;
        place.insert(place.begin() + 1, label);
        const double weight = weights ? weights.as<double>()[static_cast<std::size_t>(label)] : 1;
        const double value = -log_probability.as<double>()[offset_in(Box::whole(shape), place)] * weight;
        losses.as<double>()[element - 1] = value;
        sum += value;
        total += weight;
    });
    const std::string reduction = reduction_of(c);
    return reduction == "none" ? losses : Tensor::scalar(reduction == "sum" ? sum : sum / total);
}

void negative_log_likelihood(EvalContext& c) {
    c.set_output(0, loss(c, c.input(0).cast(DType::f64)).cast(c.input(0).dtype()));
}

void softmax_cross_entropy(EvalContext& c) {
    const Tensor log_probability = log_softmax(c.input(0).cast(DType::f64));
    c.set_output(0, loss(c, log_probability).cast(c.input(0).dtype()));
    if (c.wants_output(1)) c.set_output(1, log_probability.cast(c.input(0).dtype()));
}

const Op kOperators[] = {
    {.name = "NegativeLogLikelihoodLoss",
     .inputs = {2, 3},
     .attributes = {{"ignore_index", AttributeKind::integer}, {"reduction", AttributeKind::text}},
     .infer = infer,
     .evaluate = negative_log_likelihood},
    {.name = "SoftmaxCrossEntropyLoss",
     .inputs = {2, 3},
     .outputs = {1, 2},
     .attributes = {{"ignore_index", AttributeKind::integer}, {"reduction", AttributeKind::text}},
     .infer = infer,
     .evaluate = softmax_cross_entropy},
};

}  // namespace

std::span<const Op> loss_operators() { return kOperators; }

}  // namespace fovea::ops
