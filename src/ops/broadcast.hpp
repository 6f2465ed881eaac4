#pragma once

#include "ops/types.hpp"

/// What element-wise operators share: shapes that broadcast, boxes that follow them, and plain loops over elements.
namespace fovea::ops {

/// Sizes that the inputs `first` … `last` broadcast to; not set where a rank is unknown. Throws where they do not fit.
std::optional<ir::Dims> broadcast_inputs(const InferContext& c, std::size_t first, std::size_t last);

/// `Op::infer` of an operator with one input: output like the input, which must belong to `kTypes`.
template <Types kTypes>
void infer_unary(InferContext& c) {
    expect_types(c, 0, kTypes);
    c.set_output(0, c.dtype(0), c.dims(0));
}

/// `Op::required_input` of operators whose inputs broadcast to output 0: the places under `box`.
Box broadcast_box(const ShapeContext& c, int input, const Box& box);

/// The elements of `window` under every place of `box` of the output it broadcasts to; of shape `box.size`.
Tensor broadcast_to(const Window& window, const Box& box);

/// Sets the output to `function` of each element of input 0; both as `Number`.
template <class Number, class Function>
void map(BoxContext& c, const Function& function) {
    const Tensor x = broadcast_to(c.inputs[0], c.box).cast(dtype_of<Number>());
    Tensor y(dtype_of<Number>(), c.box.size);
    const auto source = x.as<Number>();
    const auto target = y.as<Number>();
    for (std::size_t i = 0; i < source.size(); ++i) target[i] = static_cast<Number>(function(source[i]));
    c.output = y.cast(c.output.dtype());
}

/// Sets the output to `function` of the elements of inputs 0 and 1 under each place; all as `Number`.
template <class Number, class Function>
void zip(BoxContext& c, const Function& function) {
    const Tensor a = broadcast_to(c.inputs[0], c.box).cast(dtype_of<Number>());
    const Tensor b = broadcast_to(c.inputs[1], c.box).cast(dtype_of<Number>());
    Tensor y(dtype_of<Number>(), c.box.size);
    const auto left = a.as<Number>(), right = b.as<Number>();
    const auto target = y.as<Number>();
    for (std::size_t i = 0; i < target.size(); ++i) target[i] = static_cast<Number>(function(left[i], right[i]));
    c.output = y.cast(c.output.dtype());
}

/// `map` in double, for functions of real numbers.
void map_real(BoxContext& c, const std::function<double(double)>& function);

}  // namespace fovea::ops
