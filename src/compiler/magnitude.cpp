#include "compiler/magnitude.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/dispatch.hpp"
#include "base/float_types.hpp"

namespace fovea::compiler {
namespace {

/// The largest encoding below `infinity` among the magnitudes of floating-point numbers: those of larger numbers are
/// larger.
template <class Word>
Word largest_encoding(const backend::TensorDesc& desc, const std::byte* data, Word infinity) {
    constexpr Word kMagnitude = static_cast<Word>(~Word{0}) >> 1;
    const Word* elements = reinterpret_cast<const Word*>(data);
    const std::int64_t rows = desc.rows(), width = desc.row();
    Word largest = 0;
#pragma omp parallel for reduction(max : largest)
    for (std::int64_t row = 0; row < rows; ++row) {
        Word most = 0;
#pragma omp simd reduction(max : most)
        for (std::int64_t i = 0; i < width; ++i) {
            const auto magnitude = static_cast<Word>(elements[row * desc.pitch + i] & kMagnitude);
            most = std::max(most, magnitude < infinity ? magnitude : Word{0});
        }
        largest = std::max(largest, most);
    }
    return largest;
}

}  // namespace

double largest_magnitude(const backend::TensorDesc& desc, const std::byte* data) {
    if (desc.dtype == DType::f32) return std::bit_cast<float>(largest_encoding<std::uint32_t>(desc, data, 0x7f80'0000));
    if (desc.dtype == DType::f16 || desc.dtype == DType::bf16)
        return base::decode_float(
            largest_encoding<std::uint16_t>(desc, data, desc.dtype == DType::f16 ? 0x7c00 : 0x7f80), desc.dtype);
    double largest = 0;
    base::visit(desc.dtype, [&]<class T>() {
        const T* elements = reinterpret_cast<const T*>(data);
        for (std::int64_t row = 0; row < desc.rows(); ++row)
            for (std::int64_t i = 0; i < desc.row(); ++i) {
                const double value =
                    std::fabs(static_cast<double>(static_cast<base::arithmetic_t<T>>(elements[row * desc.pitch + i])));
                if (std::isfinite(value)) largest = std::max(largest, value);
            }
    });
    return largest;
}

}  // namespace fovea::compiler
