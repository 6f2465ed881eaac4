#include "ops/types.hpp"

#include "ops/onnx_type.hpp"

namespace fovea::ops {
namespace {

bool is_real(DType type) {
    return type == DType::f32 || type == DType::f16 || type == DType::bf16 || type == DType::f64;
}

bool is_whole_integer(DType type) { return type >= DType::i8 && type <= DType::u64; }

std::string_view describe(Types set) {
    switch (set) {
        case Types::real: return "f16, bf16, f32 or f64";
        case Types::integer: return "an integer type of 8 to 64 bits";
        case Types::number: return "a floating-point or integer type of 8 to 64 bits";
        case Types::boolean: return "bool";
        case Types::number_or_bool: return "bool or a floating-point or integer type of 8 to 64 bits";
        case Types::any: break;
    }
    return "any type";
}

}  // namespace

bool contains(Types set, DType type) {
    if (type == DType::undefined) return true;
    switch (set) {
        case Types::real: return is_real(type);
        case Types::integer: return is_whole_integer(type);
        case Types::number: return is_real(type) || is_whole_integer(type);
        case Types::boolean: return type == DType::boolean;
        case Types::number_or_bool: return is_real(type) || is_whole_integer(type) || type == DType::boolean;
        case Types::any: break;
    }
    return true;
}

void expect_types(const InferContext& c, std::size_t i, Types set) {
    if (c.has(i) && !contains(set, c.dtype(i)))
        c.fail("input " + std::to_string(i) + ": expected " + std::string(describe(set)) + ", found " +
               std::string(to_string(c.dtype(i))));
}

void expect_same_type(const InferContext& c, std::size_t i, std::size_t j) {
    if (!c.has(i) || !c.has(j) || c.dtype(i) == DType::undefined || c.dtype(j) == DType::undefined) return;
    c.require(c.dtype(i) == c.dtype(j), "inputs " + std::to_string(i) + " and " + std::to_string(j) +
                                            ": expected the same type, found " + std::string(to_string(c.dtype(i))) +
                                            " and " + std::string(to_string(c.dtype(j))));
}

DType type_attribute(const NodeView& node, std::string_view key, DType fallback) {
    const std::int64_t code = node.integer(key, 0);
    if (code == 0) return fallback;
    const DType type = dtype_from_onnx(code);
    node.require(type != DType::undefined, "attribute \"" + std::string(key) +
                                               "\": expected the number of an element type in TensorProto.DataType " +
                                               "(no strings, no complex numbers), found " + std::to_string(code));
    return type;
}

}  // namespace fovea::ops
