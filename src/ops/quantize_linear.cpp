#include <cmath>

#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/quantized.hpp"
#include "ops/registry.hpp"
#include "ops/types.hpp"

namespace fovea::ops {
namespace {

bool is_quantized(DType type) {
    switch (type) {
        case DType::undefined:
        case DType::i8:
        case DType::u8:
        case DType::i16:
        case DType::u16:
        case DType::i4:
        case DType::u4:
        case DType::i2:
        case DType::u2:
        case DType::f8e4m3fn:
        case DType::f8e4m3fnuz:
        case DType::f8e5m2:
        case DType::f8e5m2fnuz:
        case DType::f4e2m1: return true;
        default: return false;
    }
}

/// Shapes of scale and zero point must fit the tensor and each other.
void check_scales(const InferContext& c) {
    const auto x = ir::known_shape(c.dims(0)), scale = ir::known_shape(c.dims(1));
    if (x && scale) Granularity(c, *x, *scale);
    if (!c.has(2)) return;
    const auto zero = ir::known_shape(c.dims(2));
    if (scale && zero)
        c.require(base::element_count(*scale) == base::element_count(*zero) &&
                      (scale == zero || base::element_count(*zero) == 1),
                  "expected a zero point of the scale's shape " + base::to_string(*scale) + ", found " +
                      base::to_string(*zero));
}

std::string found(DType type) { return ", found " + std::string(to_string(type)); }

void infer_quantize(InferContext& c) {
    const DType named = type_attribute(c, "output_dtype", DType::undefined);
    const DType zero = c.has(2) ? c.dtype(2) : DType::undefined;
    c.require(
        named == DType::undefined || zero == DType::undefined || named == zero,
        "attribute \"output_dtype\": expected the zero point's type " + std::string(to_string(zero)) + found(named));
    const DType type = named != DType::undefined ? named : c.has(2) ? zero : DType::u8;
    c.require(is_quantized(type), "expected an 8- or 16-bit, 4- or 2-bit output type" + found(type));
    c.require(c.dtype(0) == DType::i32 || contains(Types::real, c.dtype(0)),
              "input 0: expected f16, bf16, f32, f64 or i32" + found(c.dtype(0)));
    const DType precision = type_attribute(c, "precision", DType::f32);
    c.require(contains(Types::real, precision),
              "attribute \"precision\": expected f16, bf16, f32 or f64" + found(precision));
    check_scales(c);
    c.set_output(0, type, c.dims(0));
}

void infer_dequantize(InferContext& c) {
    c.require(c.dtype(0) == DType::i32 || is_quantized(c.dtype(0)),
              "input 0: expected i32 or an 8- or 16-bit, 4- or 2-bit type" + found(c.dtype(0)));
    expect_same_type(c, 0, 2);
    const DType type = type_attribute(c, "output_dtype", c.dtype(1));
    c.require(contains(Types::real, type),
              "attribute \"output_dtype\" (or the scale's type): expected f16, bf16, f32 or f64" + found(type));
    check_scales(c);
    c.set_output(0, type, c.dims(0));
}

Box required_input(const ShapeContext& c, int input, const Box& box) {
    if (input == 0) return box;
    const Shape& shape = c.inputs[static_cast<std::size_t>(input)];
    if (base::element_count(shape) == 1) return Box::whole(shape);
    return Granularity(c, c.inputs[0], c.inputs[1]).scales(box);
}

/// Sets the output, before rounding to its type, to `function(x, scale, zero point)` of each element.
template <class Function>
Tensor apply(BoxContext& c, const Function& function) {
    const Window& x = c.inputs[0];
    const Reals values(x), scales(c.inputs[1]);
    const std::optional<Reals> zeros = c.has(2) ? std::optional<Reals>(c.inputs[2]) : std::nullopt;
    const Granularity granularity(c, x.full, c.inputs[1].full);
    Tensor result(DType::f64, c.box.size);
    const auto target = result.as<double>();
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& index) {
        const Shape place = granularity.scale(index);
        const double zero = !zeros ? 0 : c.inputs[2].data.size() == 1 ? (*zeros)[0] : (*zeros)[place];
        target[element++] = function(values[index], scales[place], zero);
    });
    return result;
}

void quantize(BoxContext& c) {
    const DType scale_type = c.inputs[1].data.dtype();
    const DType precision = type_attribute(c, "precision", contains(Types::real, scale_type) ? scale_type : DType::f32);
    const bool whole = base::is_integer(c.output.dtype());
    const Tensor result = apply(c, [&](double x, double scale, double zero) {
        const double y = round_to(round_to(x, precision) / round_to(scale, precision), precision);
        return (whole ? std::nearbyint(y) : y) + zero;
    });
    c.output = to_quantized(result, c.output.dtype(), c.integer("saturate", 1) != 0);
}

void dequantize(BoxContext& c) {
    c.output = apply(c, [](double x, double scale, double zero) { return (x - zero) * scale; }).cast(c.output.dtype());
}

void infer_dynamic(InferContext& c) {
    c.require(c.dtype(0) == DType::f32 || c.dtype(0) == DType::undefined, "input 0: expected f32" + found(c.dtype(0)));
    c.set_output(0, DType::u8, c.dims(0));
    c.set_output(1, DType::f32, ir::Dims());
    c.set_output(2, DType::u8, ir::Dims());
}

void dynamic_quantize(EvalContext& c) {
    const auto x = c.input(0).as<float>();
    float low = 0, high = 0;
    for (const float value : x) {
        low = std::fmin(low, value);
        high = std::fmax(high, value);
    }
    // All zero: any scale is exact, and 1 keeps the division defined.
    const float scale = low == high ? 1 : (high - low) / 255;
    const float zero = std::nearbyint(std::fmin(std::fmax(-low / scale, 0.0f), 255.0f));
    Tensor values(DType::f64, c.input(0).shape());
    const auto target = values.as<double>();
    for (std::size_t i = 0; i < x.size(); ++i) target[i] = std::nearbyint(x[i] / scale) + zero;
    c.set_output(0, to_quantized(values, DType::u8, true));
    c.set_output(1, Tensor::scalar(scale));
    c.set_output(2, Tensor::scalar(static_cast<std::uint8_t>(zero)));
}

const Op kOperators[] = {
    {.name = "DequantizeLinear",
     .inputs = {2, 3},
     .attributes = {{"axis", AttributeKind::integer},
                    {"block_size", AttributeKind::integer},
                    {"output_dtype", AttributeKind::integer}},
     .infer = infer_dequantize,
     .evaluate_box = dequantize,
     .required_input = required_input},
    {.name = "DynamicQuantizeLinear", .outputs = {3, 3}, .infer = infer_dynamic, .evaluate = dynamic_quantize},
    {.name = "QuantizeLinear",
     .inputs = {2, 3},
     .attributes = {{"axis", AttributeKind::integer},
                    {"block_size", AttributeKind::integer},
                    {"output_dtype", AttributeKind::integer},
                    {"precision", AttributeKind::integer},
                    {"saturate", AttributeKind::integer}},
     .infer = infer_quantize,
     .evaluate_box = quantize,
     .required_input = required_input},
};

}  // namespace

std::span<const Op> quantize_linear_operators() { return kOperators; }

}  // namespace fovea::ops
