#include "backend/cpu/simd/pool.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/pool.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

struct Window {
    std::int64_t first_row, last_row, first_column, last_column;  ///< of the input, by steps of the dilation
    float scale;                                                  ///< of the sum
};

/// Positions at, at + dilation, ... of `taps` taps that lie inside [0, size).
HWY_INLINE void clip(int at, int taps, int dilation, int size, std::int64_t& first, std::int64_t& last) {
    first = at >= 0 ? at : at + (-at + dilation - 1) / dilation * dilation;
    last = std::min(at + taps * dilation, size);
}

HWY_INLINE std::int64_t count(std::int64_t first, std::int64_t last, int dilation) {
    return last > first ? (last - first + dilation - 1) / dilation : 0;
}

HWY_INLINE Window window_at(const Pool& p, int y, int x) {
    Window w{};
    const int top = y * p.stride_y - p.pad_top, left = x * p.stride_x - p.pad_left;
    clip(top, p.kernel_height, p.dilation_y, p.in_height, w.first_row, w.last_row);
    clip(left, p.kernel_width, p.dilation_x, p.in_width, w.first_column, w.last_column);
    if (p.kind == Pool::Kind::average_padded) {
        const int bottom = std::min(top + p.kernel_height * p.dilation_y, p.in_height + p.pad_bottom);
        const int right = std::min(left + p.kernel_width * p.dilation_x, p.in_width + p.pad_right);
        w.scale = 1.0f / static_cast<float>(count(top, bottom, p.dilation_y) * count(left, right, p.dilation_x));
    } else {
        w.scale = 1.0f / static_cast<float>(count(w.first_row, w.last_row, p.dilation_y) *
                                            count(w.first_column, w.last_column, p.dilation_x));
    }
    return w;
}

/// kVectors channel vectors of one output pixel.
template <bool kMax, int kVectors, class T>
HWY_INLINE void pool_vectors(const Pool& p, const Window& w, const T* input, T* output, std::size_t channels) {
    const F32 d;
    Vec total[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) total[v] = kMax ? hn::Neg(hn::Inf(d)) : hn::Zero(d);
    for (std::int64_t row = w.first_row; row < w.last_row; row += p.dilation_y)
        for (std::int64_t column = w.first_column; column < w.last_column; column += p.dilation_x) {
            const T* x = input + row * p.input_pitch.row + column * p.input_pitch.pixel;
#pragma GCC unroll 4
            for (int v = 0; v < kVectors; v++) {
                const Vec value = kVectors > 1 ? load(x + v * lanes()) : load_some(x, channels);
                total[v] = kMax ? hn::Max(total[v], value) : hn::Add(total[v], value);
            }
        }
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v++) {
        const Vec result = kMax ? total[v] : hn::Mul(total[v], hn::Set(d, w.scale));
        if constexpr (kVectors > 1)
            store(result, output + v * lanes());
        else
            store_some(result, output, channels);
    }
}

template <bool kMax, class T>
void pool_row_of(const Pool& p, std::int64_t image, int y, int begin, int end) {
    const T* input = static_cast<const T*>(p.input) + image * p.input_pitch.image;
    T* output = static_cast<T*>(p.output) + image * p.output_pitch.image + y * p.output_pitch.row;
    const auto channels = static_cast<std::size_t>(p.channels);
    for (int x = begin; x < end; x++) {
        const Window w = window_at(p, y, x);
        T* to = output + x * p.output_pitch.pixel;
        std::size_t c = 0;
        for (; c + 4 * lanes() <= channels; c += 4 * lanes())
            pool_vectors<kMax, 4>(p, w, input + c, to + c, channels - c);
        for (; c < channels; c += lanes()) pool_vectors<kMax, 1>(p, w, input + c, to + c, channels - c);
    }
}

void pool_row(const Pool& p, std::int64_t image, int y, int begin, int end) {
    const bool max = p.kind == Pool::Kind::max;
    with_storage(p.type, [&]<class T>() HWY_ATTR {
        (max ? pool_row_of<true, T> : pool_row_of<false, T>)(p, image, y, begin, end);
    });
}

template <class T>
void average_channels_of(const GlobalAveragePool& p, std::int64_t image, std::size_t channel, std::size_t channels) {
    const F32 d;
    const T* input = static_cast<const T*>(p.input) + image * p.input_pitch.image + channel;
    T* output = static_cast<T*>(p.output) + image * p.output_pitch + channel;
    const Vec scale = hn::Set(d, 1.0f / (static_cast<float>(p.height) * static_cast<float>(p.width)));
    for (std::size_t c = 0; c < channels; c += lanes()) {
        Vec total = hn::Zero(d);
        for (int y = 0; y < p.height; y++) {
            // Sums of rows are added up, which keeps the rounding error of large images small.
            Vec sum = hn::Zero(d);
            const T* x = input + y * p.input_pitch.row + c;
            for (int i = 0; i < p.width; i++, x += p.input_pitch.pixel) sum = hn::Add(sum, load_some(x, channels - c));
            total = hn::Add(total, sum);
        }
        store_some(hn::Mul(total, scale), output + c, channels - c);
    }
}

/// Averages channels [channel, channel + channels) of one image.
void average_channels(const GlobalAveragePool& p, std::int64_t image, std::size_t channel, std::size_t channels) {
    with_storage(p.type, [&]<class T>() HWY_ATTR { average_channels_of<T>(p, image, channel, channels); });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backend/cpu/simd/strips.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(pool_row);
HWY_EXPORT(average_channels);

}  // namespace

void pool(const Pool& pool, int threads) noexcept {
    const std::int64_t pixel = pool.channels * static_cast<std::int64_t>(element_bytes(pool.type));
    const int strip = strip_columns(pixel * pool.kernel_height * pool.stride_x, pool.out_width);
    for_each_strip(pool.batch, pool.out_height, pool.out_width, strip, threads,
                   [&](std::int64_t image, int y, int begin, int end) {
                       HWY_DYNAMIC_DISPATCH(pool_row)(pool, image, y, begin, end);
                   });
}

void global_average_pool(const GlobalAveragePool& pool, int threads) noexcept {
    constexpr std::int64_t kChannels = 64;
    const std::int64_t blocks = base::ceil_div(pool.channels, kChannels), work = pool.batch * blocks;
    base::parallel_for(threads, 1, [&](std::int64_t first_part, std::int64_t last_part) {
        for (std::int64_t i = work * first_part / threads; i < work * last_part / threads; i++) {
            const std::int64_t channel = i % blocks * kChannels;
            HWY_DYNAMIC_DISPATCH(average_channels)
            (pool, i / blocks, static_cast<std::size_t>(channel),
             static_cast<std::size_t>(std::min(kChannels, pool.channels - channel)));
        }
    });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
