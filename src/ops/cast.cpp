#include <cmath>
#include <cstring>

#include "ops/broadcast.hpp"
#include "ops/content.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

std::string round_mode(const NodeView& node) {
    std::string mode = node.text("round_mode", "up");
    node.require(mode == "up" || mode == "down" || mode == "nearest",
                 "attribute \"round_mode\": expected \"up\", \"down\" or \"nearest\", found \"" + mode + "\"");
    return mode;
}

void infer_to(InferContext& c, DType type) {
    round_mode(c);
    c.set_output(0, type, c.dims(0));
    if (type == DType::i64 || type == DType::i32) infer_content(c, [](std::span<const Element> x) { return x[0]; });
}

DType target_type(const NodeView& node) {
    const DType type = type_attribute(node, "to", DType::undefined);
    node.require(type != DType::undefined, "attribute \"to\": expected the number of an element type, found 0");
    return type;
}

void infer_cast(InferContext& c) { infer_to(c, target_type(c)); }

void infer_cast_like(InferContext& c) {
    round_mode(c);
    c.set_output(0, c.dtype(1), c.dims(0));
}

/// Encoding of |x| as a power of two (OCP Microscaling formats, E8M0): 0 is 2^-127, 254 is 2^127, 255 is NaN.
std::uint8_t encode_power(double x, const std::string& mode, bool saturate) {
    constexpr std::uint8_t kLargest = 254, kNaN = 255;
    if (std::isnan(x)) return kNaN;
    if (std::isinf(x)) return saturate ? kLargest : kNaN;
    if (x == 0) return saturate ? 0 : kNaN;
    int exponent = 0;
    const double fraction = std::frexp(std::fabs(x), &exponent);
    // `fraction` lies in [0.5, 1), so the power below |x| is exponent - 1.
    const bool up = mode == "up" ? fraction > 0.5 : mode == "nearest" && fraction >= 0.75;
    const int code = exponent - 1 + (up ? 1 : 0) + 127;
    if (code < 0) return saturate ? 0 : kNaN;
    if (code > kLargest) return saturate ? kLargest : kNaN;
    return static_cast<std::uint8_t>(code);
}

void cast(BoxContext& c) {
    const Tensor x = broadcast_to(c.inputs[0], c.box);
    const bool saturate = c.integer("saturate", 1) != 0;
    if (c.output.dtype() != DType::f8e8m0) {
        c.output = x.cast(c.output.dtype(), saturate);
        return;
    }
    const std::string mode = round_mode(c);
    const Tensor wide = x.cast(DType::f64);
    const auto source = wide.as<double>();
    const auto target = c.output.as<base::Float8E8M0>();
    for (std::size_t i = 0; i < source.size(); ++i) target[i].bits = encode_power(source[i], mode, saturate);
}

Box cast_like_box(const ShapeContext& c, int input, const Box& box) {
    return input == 0 ? box : Box::whole(c.inputs[1]);
}

int bits(DType type) {
    switch (type) {
        case DType::i4:
        case DType::u4:
        case DType::f4e2m1: return 4;
        case DType::i2:
        case DType::u2: return 2;
        default: return static_cast<int>(8 * element_bytes(type));
    }
}

void infer_bit_cast(InferContext& c) {
    const DType to = target_type(c);
    c.require(c.dtype(0) == DType::undefined || bits(c.dtype(0)) == bits(to),
              "attribute \"to\": expected a type as wide as the input's, " + std::string(to_string(c.dtype(0))) +
                  ", found " + std::string(to_string(to)));
    c.set_output(0, to, c.dims(0));
}

void bit_cast(BoxContext& c) {
    const Tensor x = broadcast_to(c.inputs[0], c.box);
    const DType to = c.output.dtype();
    if (x.bytes()) std::memcpy(c.output.raw(), x.raw(), x.bytes());
    const int width = bits(to);
    if (width >= 8 && to != DType::boolean) return;
    // Memory holds narrow integers as their value: the unused high bits repeat the sign, or are 0.
    const bool is_signed = to == DType::i4 || to == DType::i2;
    for (std::size_t i = 0; i < x.bytes(); ++i) {
        auto value = std::to_integer<int>(c.output.raw()[i]);
        if (to == DType::boolean)
            value = value != 0;
        else
            value &= (1 << width) - 1;
        if (is_signed && value >> (width - 1)) value -= 1 << width;
        c.output.raw()[i] = static_cast<std::byte>(value);
    }
}

const Op kOperators[] = {
    {.name = "BitCast",
     .attributes = {{"to", AttributeKind::integer, true}},
     .infer = infer_bit_cast,
     .evaluate_box = bit_cast,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "Cast",
     .attributes = {{"round_mode", AttributeKind::text},
                    {"saturate", AttributeKind::integer},
                    {"to", AttributeKind::integer, true}},
     .infer = infer_cast,
     .evaluate_box = cast,
     .required_input = broadcast_box,
     .elementwise = true},
    {.name = "CastLike",
     .inputs = {2, 2},
     .attributes = {{"round_mode", AttributeKind::text}, {"saturate", AttributeKind::integer}},
     .infer = infer_cast_like,
     .evaluate_box = cast,
     .required_input = cast_like_box},
};

}  // namespace

std::span<const Op> cast_operators() { return kOperators; }

}  // namespace fovea::ops
