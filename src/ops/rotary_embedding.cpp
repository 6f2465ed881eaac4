#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

enum Input : std::size_t { kInput, kCosine, kSine, kPositions };

void infer(InferContext& c) {
    expect_real(c, kInput);
    const std::int64_t rotated = c.integer("rotary_embedding_dim", 0);
    c.require(
        rotated >= 0 && rotated % 2 == 0,
        "attribute \"rotary_embedding_dim\": expected an even number from 0 on, found " + std::to_string(rotated));
    for (const std::size_t i : {kCosine, kSine})
        expect_rank(c, i, c.has(kPositions) ? 2 : 3, c.has(kPositions) ? 2 : 3);
    if (c.dims(kCosine) && c.dims(kSine))
        for (std::size_t i = 0; i < c.dims(kCosine)->size(); ++i)
            expect_same(c, (*c.dims(kCosine))[i], (*c.dims(kSine))[i], "sizes of cosines and sines");
    expect_rank(c, kPositions, 2, 2);
    if (expect_rank(c, kInput, 3, 4)) {
        const ir::Dims& x = *c.dims(kInput);
        const std::int64_t heads = c.integer("num_heads", 0);
        ir::Dim size = x.back();
        if (x.size() == 3) {
            c.require(heads > 0, "attribute \"num_heads\": an input of rank 3 needs a positive number, found " +
                                     std::to_string(heads));
            if (size.known()) {
                c.require(size.value % heads == 0, "attribute \"num_heads\": expected a divisor of " +
                                                       std::to_string(size.value) + ", found " + std::to_string(heads));
                size = size.value / heads;
            }
        }
        if (size.known())
            c.require(rotated <= size.value && (rotated > 0 || size.value % 2 == 0),
                      "attribute \"rotary_embedding_dim\": expected at most the head size " +
                          std::to_string(size.value) + ", and that even where all of it is rotated; found " +
                          std::to_string(rotated));
        const ir::Dim places = rotated > 0 ? ir::Dim(rotated / 2) : size.known() ? ir::Dim(size.value / 2) : ir::Dim();
        for (const std::size_t i : {kCosine, kSine}) {
            if (!c.dims(i)) continue;
            expect_same(c, c.dims(i)->back(), places, "angles of input " + std::to_string(i));
            if (c.has(kPositions)) continue;
            expect_same(c, (*c.dims(i))[0], x[0], "batch of input " + std::to_string(i));
            expect_same(c, (*c.dims(i))[1], x[x.size() - 2], "sequence length of input " + std::to_string(i));
        }
        if (c.has(kPositions) && c.dims(kPositions)) {
            expect_same(c, (*c.dims(kPositions))[0], x[0], "batch of input 3");
            expect_same(c, (*c.dims(kPositions))[1], x[x.size() - 2], "sequence length of input 3");
        }
    }
    c.set_output(0, c.dtype(kInput), c.dims(kInput));
}

void evaluate(EvalContext& c) {
    const Shape& shape = c.input(kInput).shape();
    const Reals x(Window::whole(c.input(kInput))), cosine(Window::whole(c.input(kCosine))),
        sine(Window::whole(c.input(kSine)));
    const std::vector<std::int64_t> positions =
        c.has(kPositions) ? c.input(kPositions).to_int64() : std::vector<std::int64_t>();
    const std::int64_t head = shape.size() == 3 ? shape[2] / c.integer("num_heads", 1) : shape[3];
    const std::int64_t given = c.integer("rotary_embedding_dim", 0), rotated = given > 0 ? given : head,
                       half = rotated / 2;
    const bool interleaved = c.integer("interleaved", 0) != 0;
    for (const std::int64_t position : positions)
        c.require(position >= 0 && position < c.input(kCosine).shape()[0],
                  "input 3: expected positions below " + std::to_string(c.input(kCosine).shape()[0]) + ", found " +
                      std::to_string(position));
    Results<double> output(c.make_output(0, c.input(kInput).dtype(), shape));
    const std::int64_t length = shape[shape.size() - 2];
    std::size_t element = 0;
    for_each_index(Box::whole(shape), [&](const Shape& at) {
        const std::int64_t i = at.back() % head, place = at[shape.size() - 2];
        if (i >= rotated) {
            output[element++] = x[at];
            return;
        }
        const std::int64_t pair = interleaved ? i / 2 : i % half;
        const bool first = interleaved ? i % 2 == 0 : i < half;
        Shape other = at;
        other.back() += (first ? 1 : -1) * (interleaved ? 1 : half);
        const Shape angle = positions.empty()
                                ? Shape{at[0], place, pair}
                                : Shape{positions[static_cast<std::size_t>(at[0] * length + place)], pair};
        output[element++] = cosine[angle] * x[at] + (first ? -1 : 1) * sine[angle] * x[other];
    });
    output.store();
}

std::int64_t flops(const ShapeContext& c) { return 3 * base::element_count(c.outputs[0]); }

const Op kOperators[] = {{
    .name = "RotaryEmbedding",
    .inputs = {3, 4},
    .attributes = {{"interleaved", AttributeKind::integer},
                   {"num_heads", AttributeKind::integer},
                   {"rotary_embedding_dim", AttributeKind::integer}},
    .infer = infer,
    .evaluate = evaluate,
    .flops = flops,
}};

}  // namespace

std::span<const Op> rotary_embedding_operators() { return kOperators; }

}  // namespace fovea::ops
