#include "backend/cuda/source.hpp"

#include <cmath>
#include <cstdio>

#include "backend/cuda/kernel_texts.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {

std::string_view kernel_text(std::string_view file) {
    for (const auto& [name, text] : kernel_texts())
        if (name == file) return text;
    throw Error(ErrorCode::internal, "there is no kernel template \"" + std::string(file) + "\"");
}

std::string_view type_name(DType type) {
    switch (type) {
        case DType::f32: return "float";
        case DType::f16: return "f16";
        case DType::bf16: return "bf16";
        case DType::i8: return "i8";
        case DType::u8: return "u8";
        case DType::f8e4m3fn: return "e4m3";
        default:
            throw Error(ErrorCode::internal,
                        "the kernels have no type " + std::string(fovea::to_string(type)) + " to compute in");
    }
}

std::string literal(float value) {
    if (std::isinf(value)) return value > 0 ? "__int_as_float(0x7f800000)" : "__int_as_float(0xff800000)";
    char text[48];
    std::snprintf(text, sizeof text, "%af", static_cast<double>(value));
    return text;
}

KernelSource::KernelSource() : text_(kernel_text("prelude.cuh")) { text_ += kernel_text("arguments.hpp"); }

KernelSource& KernelSource::type(std::string_view name, DType type) {
    return text("using " + std::string(name) + " = " + std::string(type_name(type)) + ";\n");
}

KernelSource& KernelSource::constant(std::string_view name, std::int64_t value) {
    return text("constexpr int " + std::string(name) + " = " + std::to_string(value) + ";\n");
}

KernelSource& KernelSource::text(std::string_view code) {
    text_ += code;
    return *this;
}

std::string KernelSource::finish(std::string_view file) const { return text_ + std::string(kernel_text(file)); }

}  // namespace fovea::backend::cuda
