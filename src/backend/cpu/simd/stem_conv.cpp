#include "backend/cpu/simd/stem_conv.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/stem_conv.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <utility>

#include "backend/cpu/simd/epilogue-inl.hpp"
#include "backend/cpu/simd/product-inl.hpp"
#include "backend/cpu/simd/stem_rows.hpp"
#include "backend/cpu/simd/units-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// One register tile: sums over taps of input `base[offsets[tap] + r]` times weights [tap][kVectors lanes()].
template <class Units, int kRows, int kVectors>
HWY_NOINLINE void tap_product(const float* HWY_RESTRICT base, const std::int32_t* HWY_RESTRICT offsets,
                              std::size_t taps, const float* HWY_RESTRICT weights, float* HWY_RESTRICT tile) {
    const F32 d;
    constexpr std::size_t kLanes = lanes();
    Vec sum[kRows][kVectors];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++) sum[r][v] = hn::Zero(d);
    for (std::size_t tap = 0; tap < taps; tap++, weights += kVectors * kLanes) {
        const float* x = base + offsets[tap];
        Vec w[kVectors];
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++) w[v] = hn::Load(d, weights + v * kLanes);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; r++) {
            const Vec pixel = hn::Set(d, x[r]);
#pragma GCC unroll 2
            for (int v = 0; v < kVectors; v++) sum[r][v] = Units::multiply_add(pixel, w[v], sum[r][v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; r++)
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++) hn::Store(sum[r][v], d, tile + (r * kVectors + v) * kLanes);
}

using TapProduct = void (*)(const float*, const std::int32_t*, std::size_t, const float*, float*);

template <class Units, int... kRows>
HWY_INLINE TapProduct tap_product_of(int rows, int vectors, std::integer_sequence<int, kRows...>) {
    static constexpr TapProduct kTable[2][sizeof...(kRows)] = {{tap_product<Units, kRows + 1, 1>...},
                                                               {tap_product<Units, kRows + 1, 2>...}};
    return kTable[vectors - 1][rows - 1];
}

/// One row of output pixels, all channels. `rows` and `offsets` as `StemRows` gives them.
template <class T, class Units>
void output_row_of(const StemConv& conv, const float* rows, const std::int32_t* offsets, int image, int y) {
    const auto taps = static_cast<std::size_t>(StemLayout(conv).taps);
    const Epilogue& e = conv.epilogue;
    T* output = static_cast<T*>(conv.output) + image * conv.output_pitch.image + y * conv.output_pitch.row;
    const T* residual = static_cast<const T*>(e.residual);
    if (residual) residual += image * e.residual_pitch.image + y * e.residual_pitch.row;
    const int blocks = (conv.out_width + kMaxRows - 1) / kMaxRows, panel = 2 * static_cast<int>(lanes());
    const float* weights = conv.weights;
    for (int channel = 0; channel < conv.out_channels; channel += panel) {
        const int channels = std::min(conv.out_channels - channel, panel);
        const int vectors = (channels + static_cast<int>(lanes()) - 1) / static_cast<int>(lanes());
        for (int block = 0; block < blocks; block++) {
            const int x = conv.out_width * block / blocks, count = conv.out_width * (block + 1) / blocks - x;
            HWY_ALIGN float tile[kMaxRows * 2 * lanes()];
            const auto product = tap_product_of<Units>(count, vectors, std::make_integer_sequence<int, kMaxRows>());
            T* to = output + x * conv.output_pitch.pixel + channel;
            prefetch_tile(static_cast<std::size_t>(count), static_cast<std::size_t>(channels), to,
                          conv.output_pitch.pixel);
            product(rows + x, offsets, taps, weights, tile);
            const TileTarget<T> target{to, conv.output_pitch.pixel, e.bias ? e.bias + channel : nullptr,
                                       residual ? residual + x * e.residual_pitch.pixel + channel : nullptr,
                                       e.residual_pitch.pixel};
            finish_tile(tile, static_cast<std::size_t>(vectors) * lanes(), static_cast<std::size_t>(count),
                        static_cast<std::size_t>(channels), e, target);
        }
        weights += taps * static_cast<std::size_t>(vectors) * lanes();
    }
}

template <class T>
void output_row_as(const StemConv& conv, const float* rows, const std::int32_t* offsets, int image, int y) {
    if (conv.multiply == DType::bf16)
        output_row_of<T, PairUnits>(conv, rows, offsets, image, y);
    else
        output_row_of<T, SingleUnits>(conv, rows, offsets, image, y);
}

void output_row(const StemConv& conv, const float* rows, const std::int32_t* offsets, int image, int y) {
    with_storage(conv.type, [&]<class T>() HWY_ATTR { output_row_as<T>(conv, rows, offsets, image, y); });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backend/cpu/simd/pack.hpp"
#include "backend/cpu/simd/target.hpp"
#include "base/checked.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {

namespace {

HWY_EXPORT(output_row);

}  // namespace

std::size_t stem_packed_size(const StemConv& conv) {
    return static_cast<std::size_t>(base::round_up(conv.out_channels, target_lanes()) * StemLayout(conv).taps);
}

void stem_pack(const StemConv& conv, const float* filters, float* packed) {
    const StemLayout layout(conv);
    const std::int64_t lanes = target_lanes(), filter_rows = std::int64_t{conv.in_channels} * conv.kernel_height;
    const std::int64_t row_taps = layout.taps / filter_rows;
    std::fill_n(packed, stem_packed_size(conv), 0.0f);
    for (std::int64_t k = 0; k < conv.out_channels; k++) {
        const std::int64_t panel = k / (2 * lanes) * 2 * lanes;
        const std::int64_t width = std::min(base::round_up(conv.out_channels - panel, lanes), 2 * lanes);
        for (std::int64_t tap = 0; tap < layout.taps; tap++) {
            const std::int64_t column = tap % row_taps * layout.columns;
            const float* weight = filters + (k * filter_rows + tap / row_taps) * conv.kernel_width + column;
            const float next = column + 1 < conv.kernel_width ? weight[1] : 0;
            packed[panel * layout.taps + tap * width + k - panel] =
                layout.columns == 1 ? *weight : bf16_pair(*weight, next);
        }
    }
}

std::size_t stem_workspace(const StemConv& conv, int threads) {
    return StemRows::bytes(conv) * static_cast<std::size_t>(threads);
}

void stem_conv(const StemConv& conv, void* workspace, int threads) noexcept {
    const std::int64_t rows = std::int64_t{conv.batch} * conv.out_height;
    base::parallel_for(threads, 1, [&](std::int64_t first_part, std::int64_t last_part) {
        for (std::int64_t part = first_part; part < last_part; part++) {
            StemRows ring(conv,
                          static_cast<std::byte*>(workspace) + part * static_cast<std::int64_t>(StemRows::bytes(conv)));
            for (std::int64_t row = rows * part / threads; row < rows * (part + 1) / threads; row++) {
                const int image = static_cast<int>(row / conv.out_height), y = static_cast<int>(row % conv.out_height);
                ring.advance(image, y);
                HWY_DYNAMIC_DISPATCH(output_row)(conv, ring.data(), ring.offsets(), image, y);
            }
        }
    });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
