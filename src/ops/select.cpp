#include <cstring>

#include "ops/broadcast.hpp"
#include "ops/content.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer_where(InferContext& c) {
    expect_types(c, 0, Types::boolean);
    expect_same_type(c, 1, 2);
    c.set_output(0, c.dtype(1) == DType::undefined ? c.dtype(2) : c.dtype(1), broadcast_inputs(c, 0, 2));
    if (base::is_integer(c.outputs()[0].dtype))
        infer_content(c, [](std::span<const Element> x) -> Element {
            if (x[0].number) return *x[0].number ? x[1] : x[2];
            return x[1].same(x[2]) ? x[1] : Element();
        });
}

void where(BoxContext& c) {
    const Tensor condition = broadcast_to(c.inputs[0], c.box), a = broadcast_to(c.inputs[1], c.box),
                 b = broadcast_to(c.inputs[2], c.box);
    const std::size_t bytes = element_bytes(c.output.dtype());
    const auto chosen = condition.as<bool>();
    for (std::size_t i = 0; i < chosen.size(); ++i)
        std::memcpy(c.output.raw() + i * bytes, (chosen[i] ? a : b).raw() + i * bytes, bytes);
}

void infer_identity(InferContext& c) { c.set_output(0, c.input(0)); }

void identity(BoxContext& c) { c.output = broadcast_to(c.inputs[0], c.box); }

/// Throws where the node would drop elements: fovea only runs inference. Inputs that are not known pass.
void expect_inference(const NodeView& node, const Tensor* ratio, const Tensor* training) {
    if (!training) return;
    for (const std::int64_t on : training->to_int64())
        node.require(on == 0 || (ratio && ratio->to_float() == std::vector<float>{0}),
                     "input \"training_mode\": expected false, as fovea only runs inference; found true");
}

void infer_dropout(InferContext& c) {
    expect_inference(c, c.constant(1), c.constant(2));
    c.set_output(0, c.dtype(0), c.dims(0));
    c.set_output(1, DType::boolean, c.dims(0));
}

void dropout(EvalContext& c) {
    expect_inference(c, c.has(1) ? &c.input(1) : nullptr, c.has(2) ? &c.input(2) : nullptr);
    c.set_output(0, c.input(0));
    if (!c.wants_output(1)) return;
    for (bool& kept : c.make_output(1, DType::boolean, c.input(0).shape()).as<bool>()) kept = true;
}

const Op kOperators[] = {
    {.name = "Dropout",
     .inputs = {1, 3},
     .outputs = {1, 2},
     .attributes = {{"seed", AttributeKind::integer}},
     .infer = infer_dropout,
     .evaluate = dropout},
    {.name = "Identity",
     .infer = infer_identity,
     .evaluate_box = identity,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "Where",
     .inputs = {3, 3},
     .infer = infer_where,
     .evaluate_box = where,
     .required_input = broadcast_box,
     .elementwise = true},
};

}  // namespace

std::span<const Op> select_operators() { return kOperators; }

}  // namespace fovea::ops
