#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fovea {

/// Element types, named as in NumPy and ONNX. Types under one byte (`i4`, `u4`, `i2`, `u2`, `f4e2m1`) take one byte per
/// element in memory; only files pack them.
enum class DType : std::uint8_t {
    undefined,
    f32,
    f16,
    bf16,
    f64,
    i8,
    u8,
    i16,
    u16,
    i32,
    u32,
    i64,
    u64,
    boolean,
    f8e4m3fn,
    f8e4m3fnuz,
    f8e5m2,
    f8e5m2fnuz,
    f8e8m0,
    f4e2m1,
    i4,
    u4,
    i2,
    u2,
};

/// Lower-case name as the command line writes it, e.g. "bf16", "bool".
std::string_view to_string(DType type);

/// Inverse of `to_string`; also accepts "fp32", "float32" and the like. `DType::undefined` when the name is unknown.
DType dtype_from_string(std::string_view name);

/// Bytes one element takes in memory; 0 for `undefined`.
std::size_t element_bytes(DType type);

}  // namespace fovea
