#include "backend/cpu/simd/narrow_conv.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/narrow_conv.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backend/cpu/simd/activation-inl.hpp"
#include "backend/cpu/simd/units-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// Output pixels computed together, their inputs, and the vectors of one channel block's weights.
constexpr int kBlockRows = 2;
#if HWY_TARGET == HWY_AVX3
constexpr int kBlockColumns = 8;
#else
constexpr int kBlockColumns = 4;
#endif
constexpr int kPatchRows = kBlockRows + 2, kPatchColumns = kBlockColumns + 2, kTaps = 9;
constexpr int kBlockPixels = kBlockRows * kBlockColumns;

/// Channels in a vector of units.
template <class T, class Units>
constexpr std::int64_t unit_channels() {
    return static_cast<std::int64_t>(lanes()) * (std::is_same_v<Units, PairUnits> && kBf16Products ? 2 : 1);
}

/// `count` channels, of which all are wanted unless kPart.
template <class T, class Units, bool kPart>
HWY_INLINE Vec load_units(const T* p, std::int64_t count) {
    if constexpr (std::is_same_v<Units, PairUnits> && kBf16Products) {
        const auto* pairs = reinterpret_cast<const float*>(p);
        if constexpr (!kPart) return hn::LoadU(F32(), pairs);
        if (count % 2 == 0) return load_part(pairs, static_cast<std::size_t>(count / 2));
        HWY_ALIGN T part[2 * lanes()] = {};
        std::copy_n(p, count, part);
        return hn::Load(F32(), reinterpret_cast<const float*>(part));
    } else {
        return kPart ? load_part(p, static_cast<std::size_t>(count)) : load(p);
    }
}

/// Finds the pixels under a block; those outside read `zeros`.
template <class T>
HWY_INLINE void find_patch(const PatchSource& source, const float* zeros, std::int64_t image, int y, int x,
                           const T** pixels) {
    const T* base = static_cast<const T*>(source.data) + image * source.pitch.image;
    for (int i = 0; i < kPatchRows; i++)
        for (int j = 0; j < kPatchColumns; j++) {
            const std::int64_t row = source.rows[y + i], column = source.columns[x + j];
            pixels[i * kPatchColumns + j] = (row | column) >= 0
                                                ? base + row * source.pitch.row + column * source.pitch.pixel
                                                : reinterpret_cast<const T*>(zeros);
        }
}

/// Adds the products of one block of `count` channels with one filter to the sums, channels along the vectors' lanes.
template <class T, class Units, bool kPart>
HWY_INLINE void add_block(const T* const* pixels, std::int64_t channel, std::int64_t count, const float* weights,
                          Vec* sums) {
    const F32 d;
    Vec w[kTaps];
#pragma GCC unroll 9
    for (int tap = 0; tap < kTaps; tap++) w[tap] = hn::Load(d, weights + tap * lanes());
#pragma GCC unroll 4
    for (int py = 0; py < kPatchRows; py++) {
#pragma GCC unroll 10
        for (int px = 0; px < kPatchColumns; px++) {
            const Vec unit = load_units<T, Units, kPart>(pixels[py * kPatchColumns + px] + channel, count);
#pragma GCC unroll 3
            for (int ky = 0; ky < 3; ky++) {
#pragma GCC unroll 3
                for (int kx = 0; kx < 3; kx++) {
                    const int y = py - ky, x = px - kx;
                    if (y < 0 || y >= kBlockRows || x < 0 || x >= kBlockColumns) continue;
                    Vec& sum = sums[y * kBlockColumns + x];
                    sum = Units::multiply_add(unit, w[ky * 3 + kx], sum);
                }
            }
        }
    }
}

/// Sums of the lanes of each of four vectors.
HWY_INLINE void sum_lanes_of_four(const Vec* v, float* sums) {
#if HWY_TARGET == HWY_SCALAR
    for (int i = 0; i < 4; i++) sums[i] = hn::GetLane(v[i]);
#else
    const F32 d;
    const auto pairs = [&](Vec a, Vec b)
                           HWY_ATTR { return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)); };
    HWY_ALIGN float blocks[lanes()];
    hn::Store(pairs(pairs(v[0], v[2]), pairs(v[1], v[3])), d, blocks);
    const hn::CappedTag<float, 4> d4;
    auto sum = hn::Load(d4, blocks);
    for (std::size_t i = 4; i < lanes(); i += 4) sum = hn::Add(sum, hn::Load(d4, blocks + i));
    hn::StoreU(sum, d4, sums);
#endif
}

template <class Out>
HWY_INLINE void store_block(const NarrowConv& conv, std::int64_t image, int y, int x, int channel, float* sums) {
    const F32 d;
    const Vec bias = hn::Set(d, conv.epilogue.bias ? conv.epilogue.bias[channel] : 0.0f);
    for (std::size_t i = 0; i < kBlockPixels; i += lanes()) {
        Vec value = hn::Add(hn::LoadU(d, sums + i), bias);
        activate(conv.epilogue.activation, conv.epilogue.alpha, conv.epilogue.beta, &value, 1);
        hn::StoreU(value, d, sums + i);
    }
    Out* output = static_cast<Out*>(conv.output) + image * conv.output_pitch.image + channel * conv.output_channel_step;
    const int rows = std::min(kBlockRows, conv.height - y), columns = std::min(kBlockColumns, conv.width - x);
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            store_number(sums[row * kBlockColumns + column],
                         output + (y + row) * conv.output_pitch.row + (x + column) * conv.output_pitch.pixel);
}

/// The sums of one block for one filter. `weights` moves behind what was used.
template <class T, class Units>
HWY_INLINE void sum_block(const NarrowConv& conv, const T* const (*pixels)[kPatchRows * kPatchColumns],
                          const float*& weights, float* results) {
    constexpr std::int64_t kStep = unit_channels<T, Units>(),
                           kBlockWeights = kTaps * static_cast<std::int64_t>(lanes());
    Vec sums[kBlockPixels];
#pragma GCC unroll 16
    for (int i = 0; i < kBlockPixels; i++) sums[i] = hn::Zero(F32());
    for (int s = 0; s < 2; s++) {
        std::int64_t channel = 0;
        for (; channel + kStep <= conv.sources[s].channels; channel += kStep, weights += kBlockWeights)
            add_block<T, Units, false>(pixels[s], channel, kStep, weights, sums);
        if (channel == conv.sources[s].channels) continue;
        add_block<T, Units, true>(pixels[s], channel, conv.sources[s].channels - channel, weights, sums);
        weights += kBlockWeights;
    }
#pragma GCC unroll 4
    for (int i = 0; i < kBlockPixels; i += 4) sum_lanes_of_four(sums + i, results + i);
}

template <class T, class Out, class Units>
void block_row_of(const NarrowConv& conv, const float* zeros, std::int64_t image, int y, int begin, int end) {
    for (int x = begin; x < end; x += kBlockColumns) {
        const T* pixels[2][kPatchRows * kPatchColumns];
        for (int s = 0; s < 2; s++)
            if (conv.sources[s].channels > 0) find_patch(conv.sources[s], zeros, image, y, x, pixels[s]);
        const float* weights = conv.weights;
        for (int channel = 0; channel < conv.out_channels; channel++) {
            HWY_ALIGN float results[kBlockPixels + lanes()];
            sum_block<T, Units>(conv, pixels, weights, results);
            store_block<Out>(conv, image, y, x, channel, results);
        }
    }
}

template <class T, class Units>
void block_row_as(const NarrowConv& conv, const float* zeros, std::int64_t image, int y, int begin, int end) {
    with_storage(conv.output_type,
                 [&]<class Out>() HWY_ATTR { block_row_of<T, Out, Units>(conv, zeros, image, y, begin, end); });
}

/// Output rows [y, y + kBlockRows), columns [begin, end); `begin` is a multiple of 8, `end` too or the width.
/// A pixel outside the input reads `zeros`.
void block_row(const NarrowConv& conv, const float* zeros, std::int64_t image, int y, int begin, int end) {
    if (conv.multiply == DType::bf16) return block_row_as<Bf16Bits, PairUnits>(conv, zeros, image, y, begin, end);
    with_storage(conv.type,
                 [&]<class T>() HWY_ATTR { block_row_as<T, SingleUnits>(conv, zeros, image, y, begin, end); });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backend/cpu/simd/pack.hpp"
#include "backend/cpu/simd/strips.hpp"
#include "backend/cpu/simd/target.hpp"
#include "base/checked.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(block_row);

constexpr int kRowsPerBlock = 2, kTapCount = 9;

/// Where a filter's weights stand: [source][channel block][tap][lane], `columns` channels a lane.
struct NarrowLayout {
    std::int64_t lanes, columns, blocks[2];
    explicit NarrowLayout(const NarrowConv& conv)
        : lanes(target_lanes()), columns(conv.multiply == DType::bf16 ? 2 : 1) {
        for (int s = 0; s < 2; s++) blocks[s] = base::ceil_div(conv.sources[s].channels, lanes * columns);
    }
    [[nodiscard]] std::int64_t filter() const { return (blocks[0] + blocks[1]) * kTapCount * lanes; }
    /// Behind the filters: a pixel of zeros.
    [[nodiscard]] std::int64_t zeros() const { return std::max(blocks[0], blocks[1]) * lanes * columns; }
};

}  // namespace

std::size_t narrow_packed_size(const NarrowConv& conv) {
    const NarrowLayout layout(conv);
    return static_cast<std::size_t>(conv.out_channels * layout.filter() + layout.zeros());
}

void narrow_pack(const NarrowConv& conv, const float* filters, float* packed) {
    const NarrowLayout layout(conv);
    std::fill_n(packed, narrow_packed_size(conv), 0.0f);
    for (int k = 0; k < conv.out_channels; k++)
        for (int s = 0; s < 2; s++) {
            const int channels = conv.sources[s].channels;
            for (int c = 0; c < channels; c += static_cast<int>(layout.columns))
                for (int tap = 0; tap < kTapCount; tap++) {
                    const std::int64_t unit = c / layout.columns;
                    float* to = packed + (unit / layout.lanes * kTapCount + tap) * layout.lanes + unit % layout.lanes;
                    const float next = c + 1 < channels ? filters[(c + 1) * kTapCount + tap] : 0;
                    *to = layout.columns == 2 ? bf16_pair(filters[c * kTapCount + tap], next)
                                              : filters[c * kTapCount + tap];
                }
            filters += channels * kTapCount;
            packed += layout.blocks[s] * kTapCount * layout.lanes;
        }
}

void narrow_conv(const NarrowConv& conv, int threads) noexcept {
    const std::int64_t channels = conv.sources[0].channels + conv.sources[1].channels;
    const int strip =
        strip_columns(channels * static_cast<std::int64_t>(element_bytes(conv.type)) * (kRowsPerBlock + 2), conv.width);
    const float* zeros = conv.weights + conv.out_channels * NarrowLayout(conv).filter();
    const int block_rows = static_cast<int>(base::ceil_div(conv.height, kRowsPerBlock));
    for_each_strip(conv.batch, block_rows, conv.width, strip, threads,
                   [&](std::int64_t image, int row, int begin, int end) {
                       HWY_DYNAMIC_DISPATCH(block_row)(conv, zeros, image, row * kRowsPerBlock, begin, end);
                   });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
