#include "fovea/dtype.hpp"

#include <array>
#include <utility>

namespace fovea {
namespace {

struct Row {
    DType type;
    std::string_view name;
    std::size_t bytes;
};

constexpr std::array kRows = {
    Row{DType::undefined, "undefined", 0},
    Row{DType::f32, "f32", 4},
    Row{DType::f16, "f16", 2},
    Row{DType::bf16, "bf16", 2},
    Row{DType::f64, "f64", 8},
    Row{DType::i8, "i8", 1},
    Row{DType::u8, "u8", 1},
    Row{DType::i16, "i16", 2},
    Row{DType::u16, "u16", 2},
    Row{DType::i32, "i32", 4},
    Row{DType::u32, "u32", 4},
    Row{DType::i64, "i64", 8},
    Row{DType::u64, "u64", 8},
    Row{DType::boolean, "bool", 1},
    Row{DType::f8e4m3fn, "f8e4m3fn", 1},
    Row{DType::f8e4m3fnuz, "f8e4m3fnuz", 1},
    Row{DType::f8e5m2, "f8e5m2", 1},
    Row{DType::f8e5m2fnuz, "f8e5m2fnuz", 1},
    Row{DType::f8e8m0, "f8e8m0", 1},
    Row{DType::f4e2m1, "f4e2m1", 1},
    Row{DType::i4, "i4", 1},
    Row{DType::u4, "u4", 1},
    Row{DType::i2, "i2", 1},
    Row{DType::u2, "u2", 1},
};

constexpr std::array<std::pair<std::string_view, DType>, 9> kAliases = {{{"fp32", DType::f32},
                                                                         {"float32", DType::f32},
                                                                         {"fp16", DType::f16},
                                                                         {"float16", DType::f16},
                                                                         {"bfloat16", DType::bf16},
                                                                         {"fp64", DType::f64},
                                                                         {"float64", DType::f64},
                                                                         {"int8", DType::i8},
                                                                         {"uint8", DType::u8}}};

}  // namespace

std::string_view to_string(DType type) { return kRows[static_cast<std::size_t>(type)].name; }

std::size_t element_bytes(DType type) { return kRows[static_cast<std::size_t>(type)].bytes; }

DType dtype_from_string(std::string_view name) {
    for (const Row& row : kRows)
        if (row.name == name) return row.type;
    for (const auto& [alias, type] : kAliases)
        if (alias == name) return type;
    return DType::undefined;
}

}  // namespace fovea
