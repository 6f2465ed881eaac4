#include "ops/onnx_type.hpp"

#include <algorithm>
#include <array>

namespace fovea::ops {
namespace {

/// Indexed by the number in TensorProto.DataType.
constexpr std::array kTypes = {
    DType::undefined,
    DType::f32,
    DType::u8,
    DType::i8,
    DType::u16,
    DType::i16,
    DType::i32,
    DType::i64,
    DType::undefined /* string */,
    DType::boolean,
    DType::f16,
    DType::f64,
    DType::u32,
    DType::u64,
    DType::undefined /* complex64 */,
    DType::undefined /* complex128 */,
    DType::bf16,
    DType::f8e4m3fn,
    DType::f8e4m3fnuz,
    DType::f8e5m2,
    DType::f8e5m2fnuz,
    DType::u4,
    DType::i4,
    DType::f4e2m1,
    DType::f8e8m0,
    DType::u2,
    DType::i2,
};

}  // namespace

DType dtype_from_onnx(std::int64_t number) {
    if (number < 0 || number >= static_cast<std::int64_t>(kTypes.size())) return DType::undefined;
    return kTypes[static_cast<std::size_t>(number)];
}

std::int64_t onnx_number(DType type) {
    if (type == DType::undefined) return 0;
    return std::find(kTypes.begin(), kTypes.end(), type) - kTypes.begin();
}

}  // namespace fovea::ops
