#include "backend/cpu/simd/stem_rows.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/stem_rows.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <limits>

#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// Writes channel `c` of an input row as f32 with zeros around it.
template <class T>
void fill_line(const StemConv& conv, const T* row, int c, std::int64_t size, float* line) {
    const F32 d;
    const T* x = row + c * conv.channel_step;
    const float scale = conv.input_scale ? conv.input_scale[c] : 1, shift = conv.input_shift ? conv.input_shift[c] : 0;
    const std::int64_t count = std::clamp<std::int64_t>(conv.in_width, 0, size - conv.pad_left);
    std::fill_n(line, conv.pad_left, 0.0f);
    float* to = line + conv.pad_left;
    std::int64_t i = 0;
    if (conv.pixel_step == 1)
        for (; i + static_cast<std::int64_t>(lanes()) <= count; i += lanes())
            hn::StoreU(hn::MulAdd(load(x + i), hn::Set(d, scale), hn::Set(d, shift)), d, to + i);
    for (; i < count; i++) to[i] = number(x[i * conv.pixel_step]) * scale + shift;
    std::fill(to + count, line + size, 0.0f);
}

/// Every `step`-th float from `x` on.
HWY_INLINE Vec load_strided(const float* x, int step) {
    const F32 d;
    if (step == 1) return hn::LoadU(d, x);
#if HWY_TARGET != HWY_SCALAR
    const auto every_second = [&](const float* at)
                                  HWY_ATTR { return hn::ConcatEven(d, hn::LoadU(d, at + lanes()), hn::LoadU(d, at)); };
    if (step == 2) return every_second(x);
    if (step == 4) return hn::ConcatEven(d, every_second(x + 2 * lanes()), every_second(x));
#endif
    return hn::GatherIndex(d, x, hn::Mul(hn::Iota(I32(), 0), hn::Set(I32(), step)));
}

/// Splits a line into the units of one channel.
void split_line(const StemConv& conv, const StemLayout& layout, const float* line, float* units) {
    const F32 d;
    const U32 du;
    for (std::int64_t phase = 0; phase < layout.phases; phase++) {
        const float* x = line + layout.phase_column(phase);
        for (std::int64_t i = 0; i < layout.width; i += lanes(), units += lanes()) {
            Vec unit = load_strided(x + i * conv.stride, conv.stride);
            if (layout.columns == 2) {
                const auto low = hn::PromoteTo(du, to_bf16(unit));
                const auto high = hn::PromoteTo(du, to_bf16(load_strided(x + i * conv.stride + 1, conv.stride)));
                unit = hn::BitCast(d, hn::Or(low, hn::ShiftLeft<16>(high)));
            }
            hn::StoreU(unit, d, units);
        }
    }
}

template <class T>
void load_row_of(const StemConv& conv, const StemLayout& layout, int image, int row, float* line, float* units) {
    const T* from = static_cast<const T*>(conv.input) + image * conv.image_step + row * conv.row_step;
    for (int c = 0; c < conv.in_channels; c++) {
        fill_line(conv, from, c, layout.line, line);
        split_line(conv, layout, line, units + c * layout.phases * layout.width);
    }
}

void load_row(const StemConv& conv, const StemLayout& layout, int image, int row, float* line, float* units) {
    if (row < 0 || row >= conv.in_height)
        std::fill_n(units, layout.row, 0.0f);
    else if (conv.input_type == DType::u8)
        load_row_of<std::uint8_t>(conv, layout, image, row, line, units);
    else
        with_storage(conv.input_type,
                     [&]<class T>() HWY_ATTR { load_row_of<T>(conv, layout, image, row, line, units); });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/checked.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(load_row);

constexpr std::int64_t kWidestVector = 16;
constexpr std::int32_t kEmpty = std::numeric_limits<std::int32_t>::min();

}  // namespace

StemLayout::StemLayout(const StemConv& c) {
    columns = c.multiply == DType::bf16 ? 2 : 1;
    phase_step = c.stride % columns == 0 ? columns : 1;
    phases = c.stride / phase_step;
    taps = std::int64_t{c.in_channels} * c.kernel_height * base::ceil_div(c.kernel_width, columns);
    width = base::round_up(c.out_width + (c.kernel_width - 1) / c.stride, kWidestVector);
    row = c.in_channels * phases * width;
    line = base::round_up(std::max<std::int64_t>((width + kWidestVector) * c.stride + 1, c.pad_left), kWidestVector);
}

std::size_t StemRows::bytes(const StemConv& conv) {
    const StemLayout layout(conv);
    return static_cast<std::size_t>(
        base::round_up(layout.row * conv.kernel_height + layout.line + layout.taps + conv.kernel_height,
                       kWidestVector) *
        4);
}

StemRows::StemRows(const StemConv& conv, std::byte* memory)
    : conv_(conv),
      layout_(conv),
      rows_(reinterpret_cast<float*>(memory)),
      line_(rows_ + layout_.row * conv.kernel_height),
      offsets_(reinterpret_cast<std::int32_t*>(line_ + layout_.line)),
      held_(offsets_ + layout_.taps) {
    std::fill_n(held_, conv.kernel_height, kEmpty);
}

void StemRows::set_offsets(int kernel_row, int slot) {
    const std::int64_t row_taps = base::ceil_div(conv_.kernel_width, layout_.columns);
    for (std::int64_t c = 0; c < conv_.in_channels; c++)
        for (std::int64_t tap = 0; tap < row_taps; tap++) {
            const std::int64_t column = tap * layout_.columns;
            const std::int64_t phase = column % conv_.stride / layout_.phase_step, position = column / conv_.stride;
            offsets_[(c * conv_.kernel_height + kernel_row) * row_taps + tap] =
                static_cast<std::int32_t>(slot * layout_.row + (c * layout_.phases + phase) * layout_.width + position);
        }
}

void StemRows::advance(int image, int y) {
    if (image != image_) std::fill_n(held_, conv_.kernel_height, kEmpty);
    image_ = image;
    for (int kernel_row = 0; kernel_row < conv_.kernel_height; kernel_row++) {
        const int padded_row = y * conv_.stride + kernel_row, row = padded_row - conv_.pad_top;
        const int slot = padded_row % conv_.kernel_height;
        if (held_[slot] != row)
            HWY_DYNAMIC_DISPATCH(load_row)(conv_, layout_, image, row, line_, rows_ + slot * layout_.row);
        held_[slot] = row;
        set_offsets(kernel_row, slot);
    }
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
