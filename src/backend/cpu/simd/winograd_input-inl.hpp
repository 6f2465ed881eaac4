// The first step of Winograd's algorithm: patches of the input transformed, for each of Highway's targets.
#if defined(FOVEA_SIMD_WINOGRAD_INPUT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_WINOGRAD_INPUT_INL
#undef FOVEA_SIMD_WINOGRAD_INPUT_INL
#else
#define FOVEA_SIMD_WINOGRAD_INPUT_INL
#endif

#include <limits>

#include "backend/cpu/simd/winograd_plan.hpp"
#include "backend/cpu/simd/winograd_transform-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// Where a tile of the batch lies; tiles follow each other along rows.
struct TilePlace {
    std::int64_t image, row, column;
    TilePlace(const WinogradPlan& plan, std::int64_t index)
        : image(index / (plan.tile_rows * plan.tile_columns)),
          row(index / plan.tile_columns % plan.tile_rows * 4),
          column(index % plan.tile_columns * 4) {}
    HWY_INLINE void advance(const WinogradPlan& plan) {
        column += 4;
        if (column < 4 * plan.tile_columns) return;
        column = 0, row += 4;
        if (row == 4 * plan.tile_rows) row = 0, image++;
    }
};

alignas(64) constexpr float kZeros[lanes()] = {};

/// The 6x6 input pixels under a tile: `rows` plus `columns` where all lie inside, else a pointer each, zeros outside.
template <class T>
struct Patch {
    const T* rows[6];
    std::int64_t columns[6];
    bool inside;
    std::int32_t row_index[6], column_index[6];

    HWY_INLINE Patch(const PatchSource& source, const TilePlace& place) {
        const T* base = static_cast<const T*>(source.data) + place.image * source.pitch.image;
        std::int32_t signs = 0;
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) {
            row_index[i] = source.rows[place.row + i], column_index[i] = source.columns[place.column + i];
            signs |= row_index[i] | column_index[i];
            rows[i] = base + row_index[i] * source.pitch.row;
            columns[i] = column_index[i] * source.pitch.pixel;
        }
        inside = signs >= 0;
    }
    template <bool kInside>
    HWY_INLINE const T* pixel(int y, int x, std::int64_t channel) const {
        if (!kInside && (row_index[y] | column_index[x]) < 0) return reinterpret_cast<const T*>(kZeros);
        return rows[y] + channel + columns[x];
    }
};

/// One vector of channels of one patch; `put(point, values)` receives the results.
template <bool kInside, bool kPart, class T, class Put>
HWY_INLINE void transform_channels(const Patch<T>& patch, std::int64_t channel, std::size_t count, Put& put) {
    Vec middle[36];
#pragma GCC unroll 6
    for (int x = 0; x < 6; x++) {
        Vec column[6];
#pragma GCC unroll 6
        for (int y = 0; y < 6; y++) column[y] = load_block<kPart>(patch.template pixel<kInside>(y, x, channel), count);
        transform_input_axis(column, middle + x, 6);
    }
#pragma GCC unroll 6
    for (int y = 0; y < 6; y++) {
        Vec result[6];
        transform_input_axis(middle + y * 6, result, 1);
#pragma GCC unroll 6
        for (int x = 0; x < 6; x++) put(y * 6 + x, result[x]);
    }
}

/// Where the results of one tile and source go: to `input`, channel block after channel block, `block_step` apart,
/// points `point_step` apart, and to `scales` (of i16), chunk after chunk, `scale_step` apart.
struct TransformTarget {
    float *input, *scales;
    std::int64_t block_step, point_step, scale_step;
};

/// Stores results as they are.
struct PutFloats {
    float* to;
    std::int64_t point_step;
    HWY_INLINE void operator()(int point, Vec values) const { hn::Store(values, F32(), to + point * point_step); }
};

/// Transformed input in f32.
struct FloatInput {
    template <bool kInside, class T>
    static HWY_INLINE void transform(const Patch<T>& patch, std::int64_t channels, TransformTarget to) {
        PutFloats put{to.input, to.point_step};
        std::int64_t channel = 0;
        for (; channel + static_cast<std::int64_t>(lanes()) <= channels; channel += lanes(), put.to += to.block_step)
            transform_channels<kInside, false>(patch, channel, lanes(), put);
        if (channel < channels)
            transform_channels<kInside, true>(patch, channel, static_cast<std::size_t>(channels - channel), put);
    }
};

#if HWY_TARGET == HWY_AVX3
/// Transformed input in i16 pairs. A chunk of channels of one tile shares the scale that takes its largest magnitude to
/// `kWordRange`; where that is not finite, the scale is NaN.
struct WordInput {
    static constexpr int kParts = kWordChunk / static_cast<int>(lanes());

    template <bool kInside, class T>
    static HWY_INLINE void transform(const Patch<T>& patch, std::int64_t channels, TransformTarget to) {
        HWY_ALIGN float values[kParts][kWinogradPoints][lanes()];
        for (std::int64_t channel = 0; channel < channels; channel += kWordChunk) {
            const std::int64_t left = channels - channel;
            const int parts = static_cast<int>(
                std::min<std::int64_t>(base::ceil_div(left, static_cast<std::int64_t>(lanes())), kParts));
            const float largest = transform_chunk<kInside>(patch, channel, left, parts, values);
            // What is too small to divide by counts as zero.
            const bool zero = largest < 1e-30f, finite = largest <= 3e38f;
            const float factor = zero || !finite ? 0 : kWordRange / largest;
            *to.scales = finite ? largest / kWordRange : std::numeric_limits<float>::quiet_NaN();
            to.scales += to.scale_step;
            for (int part = 0; part < parts; part += 2, to.input += to.block_step)
                store_words(values[part], part + 1 < parts ? values[part + 1] : nullptr, factor, to);
        }
    }

  private:
    /// Stores results and keeps the largest magnitude; as an integer, so that NaN is above infinity.
    struct PutLargest {
        float (*to)[lanes()];
        hn::Vec<U32> largest;
        HWY_INLINE void operator()(int point, Vec values) {
            const U32 bits;
            hn::Store(values, F32(), to[point]);
            largest = hn::Max(largest, hn::And(hn::BitCast(bits, values), hn::Set(bits, 0x7FFFFFFF)));
        }
    };

    /// Fills `values` and returns the largest magnitude, NaN when there is one.
    template <bool kInside, class T>
    static HWY_INLINE float transform_chunk(const Patch<T>& patch, std::int64_t channel, std::int64_t left, int parts,
                                            float (*values)[kWinogradPoints][lanes()]) {
        PutLargest put{values[0], hn::Zero(U32())};
        for (int part = 0; part < parts; part++, channel += lanes(), left -= lanes()) {
            put.to = values[part];
            if (left >= static_cast<std::int64_t>(lanes()))
                transform_channels<kInside, false>(patch, channel, lanes(), put);
            else
                transform_channels<kInside, true>(patch, channel, static_cast<std::size_t>(left), put);
        }
        return std::bit_cast<float>(hn::GetLane(hn::MaxOfLanes(U32(), put.largest)));
    }

    /// Rounds two vectors of channels (the second may be none) of all points. The sum with 1.5 * 2^23 rounds and has
    /// the integer in its low bits.
    static HWY_INLINE void store_words(const float (*low)[lanes()], const float (*high)[lanes()], float factor,
                                       const TransformTarget& to) {
        const F32 d;
        const hn::Repartition<std::uint16_t, F32> words;
        const Vec scale = hn::Set(d, factor), shift = hn::Set(d, 12582912.0f);
#pragma GCC unroll 4
        for (int point = 0; point < kWinogradPoints; point++) {
            const Vec a = hn::MulAdd(hn::Load(d, low[point]), scale, shift);
            const Vec b = high ? hn::MulAdd(hn::Load(d, high[point]), scale, shift) : shift;
            const auto both = hn::ConcatEven(words, hn::BitCast(words, b), hn::BitCast(words, a));
            hn::Store(hn::BitCast(d, both), d, to.input + point * to.point_step);
        }
    }
};
#else
using WordInput = FloatInput;
#endif

template <class Input, class T>
void transform_tiles(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block, std::int64_t begin,
                     std::int64_t end) {
    const std::int64_t n = lanes(), rows = plan.group_rows(block.count);
    TilePlace place(plan, block.first + begin);
    for (std::int64_t tile = begin; tile < end; tile++, place.advance(plan)) {
        const std::int64_t first = tile / rows * rows, row = tile - first;
        const std::int64_t group_size = std::min(rows, block.count - first);
        TransformTarget to{block.input + first * plan.depth() + row * n, block.scales + first * plan.chunks() + row,
                           group_size * n, plan.input_point(block.count), group_size};
        for (int s = 0; s < 2; s++) {
            const std::int64_t channels = conv.sources[s].channels;
            if (channels == 0) continue;
            const Patch<T> patch(conv.sources[s], place);
            if (patch.inside)
                Input::template transform<true>(patch, channels, to);
            else
                Input::template transform<false>(patch, channels, to);
            to.input += plan.source_blocks[s] * to.block_step;
            to.scales += plan.source_chunks[s] * to.scale_step;
        }
    }
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
