#include "base/limits.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

/// The value that fills the output: one element of any type, by default the f32 zero.
Tensor value_of(const NodeView& node) {
    const auto* value = node.node().find<Tensor>("value");
    if (!value) return Tensor::zeros(DType::f32, {1});
    node.require(value->size() == 1,
                 "attribute \"value\": expected one element, found the shape " + base::to_string(value->shape()));
    return *value;
}

void infer(InferContext& c) {
    const Tensor value = value_of(c);
    expect_rank(c, 0, 1, 1);
    const std::int64_t rank = known_count(c.dims(0));
    c.require(rank <= base::limits::kMaxRank, "expected a shape of at most " + std::to_string(base::limits::kMaxRank) +
                                                  " sizes, found " + std::to_string(rank));
    if (const auto sizes = c.constant_integers(0))
        for (const std::int64_t size : *sizes)
            c.require(size >= 0, "expected sizes from 0 on, found " + base::to_string(*sizes));
    c.set_output(0, value.dtype(), small_content(c, 0));
    const std::int64_t elements = known_count(c.outputs()[0].dims);
    if (value.dtype() == DType::i64 && elements >= 0 && elements <= 64)
        keep_content(c, ir::Dims(static_cast<std::size_t>(elements), ir::Dim(value.as<std::int64_t>()[0])));
}

Box required_input(const ShapeContext& c, int, const Box&) { return Box::whole(c.inputs[0]); }

void evaluate_box(BoxContext& c) {
    const Tensor value = value_of(c);
    const ElementCopy fill(value, c.output);
    for (std::size_t i = 0; i < static_cast<std::size_t>(c.output.size()); ++i) fill(i, 0);
}

const Op kOperators[] = {{.name = "ConstantOfShape",
                          .attributes = {{"value", AttributeKind::tensor}},
                          .infer = infer,
                          .evaluate_box = evaluate_box,
                          .required_input = required_input}};

}  // namespace

std::span<const Op> constant_of_shape_operators() { return kOperators; }

}  // namespace fovea::ops
