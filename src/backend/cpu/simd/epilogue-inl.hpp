// The epilogue of a register tile: bias, residual, activation and the store, for each of Highway's targets.
#if defined(FOVEA_SIMD_EPILOGUE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_EPILOGUE_INL
#undef FOVEA_SIMD_EPILOGUE_INL
#else
#define FOVEA_SIMD_EPILOGUE_INL
#endif

#include "backend/cpu/simd/activation-inl.hpp"
#include "backend/cpu/simd/types.hpp"
#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// Fetches the lines that `finish_tile` will write, so that they arrive while the tile is computed.
template <class T>
HWY_INLINE void prefetch_tile(std::size_t pixels, std::size_t channels, const T* output, std::int64_t output_step) {
    constexpr std::size_t kLine = 64 / sizeof(T);
    for (std::size_t p = 0; p < pixels; p++, output += output_step)
        for (std::size_t channel = 0; channel < channels; channel += kLine) __builtin_prefetch(output + channel, 1);
}

/// Where a register tile of results goes. `output` and `residual` (or nullptr) point at the first pixel and channel,
/// `bias` (or nullptr) at the first channel; their pixels are `output_step` and `residual_step` elements apart.
template <class T>
struct TileTarget {
    T* output;
    std::int64_t output_step;
    const float* bias;
    const T* residual;
    std::int64_t residual_step;
};

/// An activation that is two comparisons: none, relu, clip.
struct Clamp {
    Vec low, high;
    explicit HWY_INLINE Clamp(const Epilogue& e) {
        const F32 d;
        const bool clip = e.activation == Activation::clip;
        low = clip ? hn::Set(d, e.alpha) : e.activation == Activation::relu ? hn::Zero(d) : hn::Neg(hn::Inf(d));
        high = clip ? hn::Set(d, e.beta) : hn::Inf(d);
    }
    static HWY_INLINE bool fits(const Epilogue& e) {
        return e.activation == Activation::none || e.activation == Activation::relu || e.activation == Activation::clip;
    }
    /// The order of operands lets NaN through.
    HWY_INLINE Vec operator()(Vec x) const { return hn::Min(high, hn::Max(low, x)); }
};

template <class T>
HWY_INLINE void finish_clamped(const float* tile, std::size_t tile_pitch, std::size_t pixels, std::size_t channels,
                               const Epilogue& e, const TileTarget<T>& to) {
    const F32 d;
    const Clamp clamp(e);
    for (std::size_t channel = 0; channel < channels; channel += lanes()) {
        const std::size_t count = channels - channel;
        const Vec shift = to.bias ? load_some(to.bias + channel, count) : hn::Zero(d);
        const float* from = tile + channel;
        T* output = to.output + channel;
        const T* residual = to.residual + (to.residual ? channel : 0);
        for (std::size_t p = 0; p < pixels; p++, from += tile_pitch, output += to.output_step) {
            Vec value = hn::Add(hn::Load(d, from), shift);
            if (to.residual) value = hn::Add(value, load_some(residual, count)), residual += to.residual_step;
            store_some(clamp(value), output, count);
        }
    }
}

/// Finishes `pixels` x `channels` results and stores them. `tile` holds them `tile_pitch` floats apart, in whole
/// vectors.
template <class T>
HWY_INLINE void finish_tile(const float* tile, std::size_t tile_pitch, std::size_t pixels, std::size_t channels,
                            const Epilogue& e, const TileTarget<T>& to) {
    if (Clamp::fits(e)) return finish_clamped(tile, tile_pitch, pixels, channels, e, to);
    constexpr std::size_t kMostPixels = 16;
    const F32 d;
    for (std::size_t channel = 0; channel < channels; channel += lanes()) {
        const std::size_t count = channels - channel;
        const Vec shift = to.bias ? load_some(to.bias + channel, count) : hn::Zero(d);
        Vec values[kMostPixels];
        for (std::size_t p = 0; p < pixels; p++)
            values[p] = hn::Add(hn::Load(d, tile + p * tile_pitch + channel), shift);
        if (to.residual)
            for (std::size_t p = 0; p < pixels; p++) {
                const T* at = to.residual + static_cast<std::int64_t>(p) * to.residual_step + channel;
                values[p] = hn::Add(values[p], load_some(at, count));
            }
        activate(e.activation, e.alpha, e.beta, values, pixels);
        for (std::size_t p = 0; p < pixels; p++)
            store_some(values[p], to.output + static_cast<std::int64_t>(p) * to.output_step + channel, count);
    }
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
