#include <cmath>

#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

enum Input : std::size_t { kQuery, kKey, kValue, kPast, kDecay, kBeta };

struct Rule {
    bool gated, delta;
};

Rule rule_of(const NodeView& node) {
    const std::string rule = node.text("update_rule", "gated_delta");
    node.require(rule == "linear" || rule == "gated" || rule == "delta" || rule == "gated_delta",
                 "attribute \"update_rule\": expected linear, gated, delta or gated_delta, found " + rule);
    return {rule.starts_with("gated"), rule.ends_with("delta")};
}

/// Size of one of `heads` parts of the last axis of input `i`.
ir::Dim part(const InferContext& c, std::size_t i, std::int64_t heads) {
    if (!expect_rank(c, i, 3, 3) || !c.dims(i)->back().known()) return {};
    const std::int64_t size = c.dims(i)->back().value;
    c.require(size % heads == 0, "input " + std::to_string(i) + ": the last size " + std::to_string(size) +
                                     " is no multiple of the number of heads " + std::to_string(heads));
    return size / heads;
}

/// The operand's batch and length equal those of the query, its last size one of `allowed`.
void expect_gate(const InferContext& c, std::size_t i, const ir::Dims& query, const std::vector<ir::Dim>& allowed) {
    if (!expect_rank(c, i, 3, 3)) return;
    const ir::Dims& x = *c.dims(i);
    for (std::size_t axis = 0; axis < 2; ++axis)
        expect_same(c, x[axis], query[axis], "batch and length of input " + std::to_string(i));
    bool fits = !x[2].known();
    for (const ir::Dim& size : allowed) fits = fits || !size.known() || size.value == x[2].value;
    c.require(fits,
              "input " + std::to_string(i) + ": the last size fits neither heads nor keys, found " + ir::to_string(x));
}

void infer(InferContext& c) {
    for (std::size_t i = 0; i < 6; ++i) expect_real(c, i);
    const Rule rule = rule_of(c);
    const std::int64_t q_heads = expect_positive(c, "q_num_heads", 1), kv_heads = expect_positive(c, "kv_num_heads", 1);
    c.require(q_heads % kv_heads == 0,
              "attribute \"q_num_heads\": expected a multiple of kv_num_heads, found " + std::to_string(q_heads));
    c.require(!rule.gated || c.has(kDecay), "the update rule needs input \"decay\"");
    c.require(!rule.delta || c.has(kBeta), "the update rule needs input \"beta\"");
    const ir::Dim keys =
        expect_same(c, part(c, kQuery, q_heads), part(c, kKey, kv_heads), "head sizes of query and key");
    const ir::Dim values = part(c, kValue, kv_heads);
    const ir::Dims unknown(3);
    const ir::Dims query = c.dims(kQuery).value_or(unknown);
    for (const std::size_t i : {kKey, kValue})
        for (std::size_t axis = 0; axis < 2; ++axis)
            expect_same(c, c.dims(i).value_or(unknown)[axis], query[axis],
                        "batch and length of input " + std::to_string(i));
    expect_gate(c, kDecay, query, {ir::Dim(kv_heads), c.dims(kKey).value_or(unknown)[2]});
    expect_gate(c, kBeta, query, {ir::Dim(kv_heads), ir::Dim(1)});
    const ir::Dims state = {query[0], ir::Dim(kv_heads), keys, values};
    if (expect_rank(c, kPast, 4, 4))
        for (std::size_t i = 0; i < 4; ++i) expect_same(c, (*c.dims(kPast))[i], state[i], "sizes of input 3");
    c.set_output(0, c.dtype(kQuery),
                 ir::Dims{query[0], query[1], values.known() ? ir::Dim(values.value * q_heads) : ir::Dim()});
    c.set_output(1, c.has(kPast) ? c.dtype(kPast) : c.dtype(kQuery), state);
}

/// Operands of the recurrence.
struct Operands {
    Reals query, key, value;
    std::optional<Reals> past, decay, beta;
    Shape key_shape, decay_shape, beta_shape;
};

Operands operands_of(const EvalContext& c) {
    const auto optional = [&](std::size_t i) {
        return c.has(i) ? std::optional<Reals>(Window::whole(c.input(i))) : std::nullopt;
    };
    return {Reals(Window::whole(c.input(kQuery))),
            Reals(Window::whole(c.input(kKey))),
            Reals(Window::whole(c.input(kValue))),
            optional(kPast),
            optional(kDecay),
            optional(kBeta),
            c.input(kKey).shape(),
            c.has(kDecay) ? c.input(kDecay).shape() : Shape(),
            c.has(kBeta) ? c.input(kBeta).shape() : Shape()};
}

/// One step of one head: `state` (keys × values) forgets, then learns the step's key and value.
void update(const Operands& o, Rule rule, std::int64_t batch, std::int64_t step, std::int64_t head, std::int64_t keys,
            std::int64_t values, std::vector<double>& state) {
    const auto entry = [&](std::int64_t i, std::int64_t j) -> double& {
        return state[static_cast<std::size_t>(i * values + j)];
    };
    const bool per_key = rule.gated && o.decay_shape[2] == o.key_shape[2];
    for (std::int64_t i = 0; rule.gated && i < keys; ++i) {
        const double decay = std::exp((*o.decay)[Shape{batch, step, per_key ? head * keys + i : head}]);
        for (std::int64_t j = 0; j < values; ++j) entry(i, j) *= decay;
    }
    const double rate = rule.delta ? (*o.beta)[Shape{batch, step, o.beta_shape[2] == 1 ? 0 : head}] : 1;
    for (std::int64_t j = 0; j < values; ++j) {
        double learned = o.value[Shape{batch, step, head * values + j}];
        for (std::int64_t i = 0; rule.delta && i < keys; ++i)
            learned -= entry(i, j) * o.key[Shape{batch, step, head * keys + i}];
        for (std::int64_t i = 0; i < keys; ++i)
            entry(i, j) += rate * o.key[Shape{batch, step, head * keys + i}] * learned;
    }
}

void evaluate(EvalContext& c) {
    const Rule rule = rule_of(c);
    const std::int64_t q_heads = c.integer("q_num_heads", 1), kv_heads = c.integer("kv_num_heads", 1);
    const Shape& q = c.input(kQuery).shape();
    const std::int64_t batches = q[0], steps = q[1], keys = q[2] / q_heads,
                       values = c.input(kValue).shape()[2] / kv_heads;
    const double given = c.number("scale", 0), scale = given != 0 ? given : 1 / std::sqrt(static_cast<double>(keys));
    const Operands o = operands_of(c);
    Tensor y(c.input(kQuery).dtype(), {batches, steps, q_heads * values});
    Tensor last(c.input(c.has(kPast) ? kPast : kQuery).dtype(), {batches, kv_heads, keys, values});
    Results<double> output(y), present(last);
    std::size_t entry = 0;
    for_each_index(Box::whole({batches, kv_heads}), [&](const Shape& at) {
        std::vector<double> state(static_cast<std::size_t>(keys * values), 0);
        for (std::size_t i = 0; o.past && i < state.size(); ++i) state[i] = (*o.past)[entry + i];
        for (std::int64_t step = 0; step < steps; ++step) {
            update(o, rule, at[0], step, at[1], keys, values, state);
            for_each_index(Box::whole({q_heads / kv_heads, values}), [&](const Shape& place) {
                const std::int64_t head = at[1] * (q_heads / kv_heads) + place[0];
                double sum = 0;
                for (std::int64_t i = 0; i < keys; ++i)
                    sum += o.query[Shape{at[0], step, head * keys + i}] *
                           state[static_cast<std::size_t>(i * values + place[1])];
                output[static_cast<std::size_t>(((at[0] * steps + step) * q_heads + head) * values + place[1])] =
                    scale * sum;
            });
        }
        for (const double value : state) present[entry++] = value;
    });
    output.store();
    present.store();
    c.set_output(0, y);
    c.set_output(1, last);
}

/// Forget, predict, learn and read each cost two operations an entry of the state.
std::int64_t flops(const ShapeContext& c) {
    const std::int64_t keys = c.inputs[kQuery][2] / c.integer("q_num_heads", 1);
    return 8 * keys * base::element_count(c.outputs[0]);
}

const Op kOperators[] = {{
    .name = "LinearAttention",
    .inputs = {3, 6},
    .outputs = {1, 2},
    .attributes = {{"chunk_size", AttributeKind::integer},
                   {"kv_num_heads", AttributeKind::integer, true},
                   {"q_num_heads", AttributeKind::integer, true},
                   {"scale", AttributeKind::number},
                   {"update_rule", AttributeKind::text}},
    .infer = infer,
    .evaluate = evaluate,
    .flops = flops,
}};

}  // namespace

std::span<const Op> linear_attention_operators() { return kOperators; }

}  // namespace fovea::ops
