#pragma once

#include <string>
#include <string_view>

#include "fovea/dtype.hpp"

namespace fovea::backend::cuda {

/// Text of a file of kernels/ as it was when this was built, e.g. "conv.cuh".
std::string_view kernel_text(std::string_view file);

/// "float", "f16", "bf16", "i8", "u8", "e4m3".
std::string_view type_name(DType type);

/// An f32 as a literal that the compiler reads back bit for bit.
std::string literal(float value);

/// The source of one kernel: constants and generated functions in front of a template.
class KernelSource {
  public:
    KernelSource();
    KernelSource& type(std::string_view name, DType type);
    KernelSource& constant(std::string_view name, std::int64_t value);
    /// Generated code, or the text of a file that the template needs.
    KernelSource& text(std::string_view code);
    /// The whole source, ending with kernels/`file`.
    [[nodiscard]] std::string finish(std::string_view file) const;

  private:
    std::string text_;
};

}  // namespace fovea::backend::cuda
