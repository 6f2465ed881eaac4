// The last step of Winograd's algorithm: products transformed back, finished and stored, for each of Highway's targets.
#if defined(FOVEA_SIMD_WINOGRAD_OUTPUT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_WINOGRAD_OUTPUT_INL
#undef FOVEA_SIMD_WINOGRAD_OUTPUT_INL
#else
#define FOVEA_SIMD_WINOGRAD_OUTPUT_INL
#endif

#include "backend/cpu/simd/epilogue-inl.hpp"
#include "backend/cpu/simd/winograd_input-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// Where one channel block of one tile is stored, and what is added before.
template <class T>
struct TileStore {
    std::int64_t rows, columns;
    T* output;
    const T* residual = nullptr;

    HWY_INLINE TileStore(const WinogradConv& conv, const TilePlace& place, std::int64_t channel)
        : rows(std::min<std::int64_t>(4, conv.height - place.row)),
          columns(std::min<std::int64_t>(4, conv.width - place.column)),
          output(static_cast<T*>(conv.output) + at(conv.output_pitch, place) + channel) {
        if (conv.epilogue.residual)
            residual =
                static_cast<const T*>(conv.epilogue.residual) + at(conv.epilogue.residual_pitch, place) + channel;
    }
    static HWY_INLINE std::int64_t at(const Pitch& pitch, const TilePlace& place) {
        return place.image * pitch.image + place.row * pitch.row + place.column * pitch.pixel;
    }
};

/// Fetches the lines of a tile that are to be written, and those to be added.
template <class T>
HWY_INLINE void prefetch(const WinogradConv& conv, const TileStore<T>& store) {
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++)
#pragma GCC unroll 4
        for (int x = 0; x < 4; x++) {
            __builtin_prefetch(store.output + y * conv.output_pitch.row + x * conv.output_pitch.pixel, 1);
            if (store.residual)
                __builtin_prefetch(store.residual + y * conv.epilogue.residual_pitch.row +
                                   x * conv.epilogue.residual_pitch.pixel);
        }
}

/// The scale, shift and ReLU that may follow the epilogue, for one vector of channels.
struct LastStep {
    Vec scale, shift, low;
    HWY_INLINE LastStep(const WinogradConv& conv, std::int64_t channel, std::size_t count)
        : scale(load_some(conv.last_scale + channel, count)),
          shift(load_some(conv.last_shift + channel, count)),
          low(conv.last_relu ? hn::Zero(F32()) : hn::Neg(hn::Inf(F32()))) {}
    HWY_INLINE Vec operator()(Vec x) const { return hn::Max(low, hn::MulAdd(x, scale, shift)); }
};
struct NoLastStep {
    HWY_INLINE Vec operator()(Vec x) const { return x; }
};

/// A whole tile of whole vectors with an activation that is a clamp.
template <class T, class Last>
HWY_INLINE void store_whole(const WinogradConv& conv, const TileStore<T>& to, const Clamp& clamp, const Last& last,
                            const Vec* values) {
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++) {
        T* row = to.output + y * conv.output_pitch.row;
#pragma GCC unroll 4
        for (int x = 0; x < 4; x++) {
            Vec value = values[y * 4 + x];
            if (to.residual)
                value = hn::Add(value, load(to.residual + y * conv.epilogue.residual_pitch.row +
                                            x * conv.epilogue.residual_pitch.pixel));
            store(last(clamp(value)), row + x * conv.output_pitch.pixel);
        }
    }
}

template <class T>
HWY_NOINLINE void store_any(const WinogradConv& conv, const TileStore<T>& to, Vec* values, std::int64_t channel,
                            std::size_t count) {
    const Epilogue& e = conv.epilogue;
    for (std::int64_t y = 0; to.residual && y < to.rows; y++)
        for (std::int64_t x = 0; x < to.columns; x++) {
            const T* at = to.residual + y * e.residual_pitch.row + x * e.residual_pitch.pixel;
            values[y * 4 + x] = hn::Add(values[y * 4 + x], load_some(at, count));
        }
    activate(e.activation, e.alpha, e.beta, values, 16);
    if (conv.last_scale) {
        const LastStep last(conv, channel, count);
        for (int i = 0; i < 16; i++) values[i] = last(values[i]);
    }
    for (std::int64_t y = 0; y < to.rows; y++)
        for (std::int64_t x = 0; x < to.columns; x++)
            store_some(values[y * 4 + x], to.output + y * conv.output_pitch.row + x * conv.output_pitch.pixel, count);
}

/// One channel block of one tile.
template <class T>
HWY_INLINE void finish_block(const WinogradConv& conv, const Clamp& clamp, const TilePlace& place, std::int64_t channel,
                             const float* scales, const float* from, std::int64_t point) {
    const F32 d;
    const std::size_t count = static_cast<std::size_t>(conv.out_channels - channel);
    const TileStore<T> to(conv, place, channel);
    const bool whole = to.rows == 4 && to.columns == 4 && count >= lanes() && Clamp::fits(conv.epilogue);
    if (whole) prefetch(conv, to);
    Vec middle[24], values[16];
#pragma GCC unroll 6
    for (int x = 0; x < 6; x++) {
        Vec column[6];
#pragma GCC unroll 6
        for (int y = 0; y < 6; y++) column[y] = hn::LoadU(d, from + (y * 6 + x) * point);
        transform_output_axis(column, middle + x, 6);
    }
    const float* bias = conv.epilogue.bias;
    const Vec shift = bias ? load_some(bias + channel, count) : hn::Zero(d);
    const Vec scale = hn::LoadU(d, scales + channel);
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++) transform_output_axis(middle + y * 6, values + y * 4, 1);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) values[i] = hn::MulAdd(values[i], scale, shift);
    if (whole && conv.last_scale) return store_whole(conv, to, clamp, LastStep(conv, channel, count), values);
    if (whole) return store_whole(conv, to, clamp, NoLastStep(), values);
    Vec copy[16];  // what an outside function may change cannot stay in registers before
    std::copy_n(values, 16, copy);
    store_any(conv, to, copy, channel, count);
}

template <class T>
void finish_tiles(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block, std::int64_t panel,
                  std::int64_t begin, std::int64_t end) {
    const auto n = static_cast<std::int64_t>(lanes());
    const int vectors = plan.panel_vectors(panel, conv.out_channels);
    const std::int64_t point = plan.product_point(block.count);
    const Clamp clamp(conv.epilogue);
    const float* scales = conv.weights + plan.scale_offset();
    TilePlace place(plan, block.first + begin);
    for (std::int64_t tile = begin; tile < end; tile++, place.advance(plan))
        for (int v = 0; v < vectors; v++)
            finish_block<T>(conv, clamp, place, panel * plan.panel_width + v * n, scales,
                            block.product + (tile * vectors + v) * n, point);
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
