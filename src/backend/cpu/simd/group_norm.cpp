#include "backend/cpu/simd/group_norm.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/group_norm.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cmath>

#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// Pixels whose distances from the pivot are added in f32 before they join a larger sum.
constexpr std::int64_t kRun = 128;

/// Adds `count` pixels' distances from the channels' pivots, and their squares, to `sums` and `squares`.
template <bool kPart, int kVectors, class T>
HWY_INLINE void add_run(const T* x, std::int64_t pitch, std::int64_t count, std::size_t part, const float* pivots,
                        float* sums, float* squares) {
    const F32 d;
    Vec pivot[kVectors], sum[kVectors], square[kVectors];
    for (int v = 0; v < kVectors; ++v) {
        pivot[v] = load_block<kPart>(pivots + v * lanes(), part);
        sum[v] = square[v] = hn::Zero(d);
    }
    for (std::int64_t pixel = 0; pixel < count; ++pixel, x += pitch)
        for (int v = 0; v < kVectors; ++v) {
            const Vec distance = hn::Sub(load_block<kPart>(x + v * lanes(), part), pivot[v]);
            sum[v] = hn::Add(sum[v], distance);
            square[v] = hn::MulAdd(distance, distance, square[v]);
        }
    for (int v = 0; v < kVectors; ++v) {
        float *s = sums + v * lanes(), *q = squares + v * lanes();
        store_block<kPart>(hn::Add(load_block<kPart>(s, part), sum[v]), s, part);
        store_block<kPart>(hn::Add(load_block<kPart>(q, part), square[v]), q, part);
    }
}

/// Sums of some pixels of one image: `sums` and `squares` of every channel.
template <class T>
HWY_INLINE void sum_pixels(const GroupNorm& n, const T* x, std::int64_t count, const float* pivots, float* sums,
                           float* squares) {
    constexpr int kVectors = 4;
    const auto channels = static_cast<std::size_t>(n.channels);
    std::fill_n(sums, channels, 0.0f);
    std::fill_n(squares, channels, 0.0f);
    for (std::int64_t pixel = 0; pixel < count; pixel += kRun) {
        const std::int64_t run = std::min(kRun, count - pixel);
        const T* at = x + pixel * n.input_pitch;
        std::size_t c = 0;
        for (; c + kVectors * lanes() <= channels; c += kVectors * lanes())
            add_run<false, kVectors>(at + c, n.input_pitch, run, lanes(), pivots + c, sums + c, squares + c);
        for (; c + lanes() <= channels; c += lanes())
            add_run<false, 1>(at + c, n.input_pitch, run, lanes(), pivots + c, sums + c, squares + c);
        if (c < channels) add_run<true, 1>(at + c, n.input_pitch, run, channels - c, pivots + c, sums + c, squares + c);
    }
}

/// The same of one channel whose pixels are neighbours.
template <class T>
HWY_INLINE void sum_line(const T* x, std::size_t count, float* sum, float* square) {
    const F32 d;
    const float first = number(x[0]);
    const Vec pivot = hn::Set(d, first);
    Vec sums[2] = {hn::Zero(d), hn::Zero(d)}, squares[2] = {hn::Zero(d), hn::Zero(d)};
    const auto add = [&](int i, Vec v) HWY_ATTR {
        const Vec distance = hn::Sub(v, pivot);
        sums[i] = hn::Add(sums[i], distance);
        squares[i] = hn::MulAdd(distance, distance, squares[i]);
    };
    std::size_t i = 0;
    for (; i + 2 * lanes() <= count; i += 2 * lanes()) add(0, load(x + i)), add(1, load(x + i + lanes()));
    for (; i + lanes() <= count; i += lanes()) add(0, load(x + i));
    if (i < count) add(1, hn::IfThenElse(hn::FirstN(d, count - i), load_part(x + i, count - i), pivot));
    *sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(sums[0], sums[1])));
    *square = hn::GetLane(hn::SumOfLanes(d, hn::Add(squares[0], squares[1])));
}

/// Sums of chunks `begin` to `end` - 1: of an image's pixels, or one line each.
void sum_chunks(const GroupNorm& n, std::int64_t chunks, const float* pivots, float* sums, std::int64_t begin,
                std::int64_t end) {
    with_storage(n.type, [&]<class T>() HWY_ATTR {
        const T* x = static_cast<const T*>(n.input);
        for (std::int64_t i = begin; i < end; ++i) {
            if (!n.channels_last) {
                sum_line(x + i * n.pixels, static_cast<std::size_t>(n.pixels), sums + 2 * i, sums + 2 * i + 1);
                continue;
            }
            const std::int64_t image = i / chunks, first = n.pixels * (i % chunks) / chunks,
                               last = n.pixels * (i % chunks + 1) / chunks;
            float* target = sums + 2 * i * n.channels;
            sum_pixels(n, x + (image * n.pixels + first) * n.input_pitch, last - first, pivots + image * n.channels,
                       target, target + n.channels);
        }
    });
}

/// The first pixel of every channel.
void find_pivots(const GroupNorm& n, float* pivots) {
    with_storage(n.type, [&]<class T>() HWY_ATTR {
        const T* x = static_cast<const T*>(n.input);
        for (std::int64_t i = 0; i < n.images * n.channels; ++i) {
            const std::int64_t image = i / n.channels, channel = i % n.channels;
            pivots[i] = number(n.channels_last ? x[image * n.pixels * n.input_pitch + channel] : x[i * n.pixels]);
        }
    });
}

/// Pixels (of channels-last tensors) or lines `begin` to `end` - 1 of the result: x · factor + offset.
void write_result(const GroupNorm& n, const float* factors, const float* offsets, std::int64_t begin,
                  std::int64_t end) {
    const F32 d;
    with_storage(n.type, [&]<class T>() HWY_ATTR {
        const T* x = static_cast<const T*>(n.input);
        T* y = static_cast<T*>(n.output);
        for (std::int64_t i = begin; i < end; ++i) {
            if (n.channels_last) {
                const float *factor = factors + i / n.pixels * n.channels,
                            *offset = offsets + i / n.pixels * n.channels;
                const T* source = x + i * n.input_pitch;
                T* target = y + i * n.output_pitch;
                over_vectors(
                    static_cast<std::size_t>(n.channels), [&]<bool kPart>(std::size_t c, std::size_t count) HWY_ATTR {
                        store_block<kPart>(
                            hn::MulAdd(load_block<kPart>(source + c, count), load_block<kPart>(factor + c, count),
                                       load_block<kPart>(offset + c, count)),
                            target + c, count);
                    });
            } else {
                const Vec factor = hn::Set(d, factors[i]), offset = hn::Set(d, offsets[i]);
                const T* source = x + i * n.pixels;
                T* target = y + i * n.pixels;
                over_vectors(static_cast<std::size_t>(n.pixels),
                             [&]<bool kPart>(std::size_t k, std::size_t count) HWY_ATTR {
                                 store_block<kPart>(hn::MulAdd(load_block<kPart>(source + k, count), factor, offset),
                                                    target + k, count);
                             });
            }
        }
    });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/checked.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(sum_chunks);
HWY_EXPORT(find_pivots);
HWY_EXPORT(write_result);

constexpr std::int64_t kLeastElements = 4096;  ///< worth a thread

/// Parts into which an image's pixels are cut for their sums.
std::int64_t chunks_of(const GroupNorm& n, int threads) {
    if (!n.channels_last) return 1;
    const std::int64_t most = std::max<std::int64_t>(n.pixels * n.channels / kLeastElements, 1);
    return std::min({(threads + n.images - 1) / n.images, most, n.pixels});
}

/// From sums of distances from the pivots to the factor and offset of every channel of one image, which take the place
/// of pivots and first sums.
void finish_image(const GroupNorm& n, std::int64_t chunks, float* pivots, const float* sums, float* factors) {
    const std::int64_t size = n.channels / n.groups;
    const auto pixels = static_cast<double>(n.pixels);
    const auto of_channel = [&](std::int64_t channel, double& mean, double& squares) {
        double sum = 0, square = 0;
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
            const float* at = n.channels_last ? sums + 2 * chunk * n.channels + channel : sums + 2 * channel;
            sum += *at;
            square += at[n.channels_last ? n.channels : 1];
        }
        mean = pivots[channel] + sum / pixels;
        squares = square - sum * sum / pixels;
    };
    for (std::int64_t first = 0; first < n.channels; first += size) {
        double total = 0, squares = 0, pivot = 0, spread = 0;
        for (std::int64_t channel = first; channel < first + size; ++channel) {
            double mean = 0, own = 0;
            of_channel(channel, mean, own);
            if (channel == first) pivot = mean;
            squares += own;
            total += mean - pivot;
            spread += (mean - pivot) * (mean - pivot);
        }
        const auto count = static_cast<double>(size);
        const double mean = pivot + total / count;
        const double variance = (squares / pixels + spread - total * total / count) / count;
        const double inverse = 1 / std::sqrt(std::max(variance, 0.0) + static_cast<double>(n.epsilon));
        for (std::int64_t channel = first; channel < first + size; ++channel) {
            const double factor = n.scale[channel] * inverse;
            factors[channel] = static_cast<float>(factor);
            pivots[channel] = static_cast<float>(n.shift[channel] - mean * factor);
        }
    }
}

}  // namespace

std::size_t group_norm_workspace(const GroupNorm& n, int threads) {
    return static_cast<std::size_t>(n.images * n.channels * (2 + 2 * chunks_of(n, threads))) * sizeof(float);
}

void group_norm(const GroupNorm& n, void* workspace, int threads) noexcept {
    const std::int64_t chunks = chunks_of(n, threads), channels = n.images * n.channels;
    float *pivots = static_cast<float*>(workspace), *factors = pivots + channels, *sums = factors + channels;
    const std::int64_t line = kLeastElements / n.pixels + 1, pixel = kLeastElements / n.channels + 1;
    HWY_DYNAMIC_DISPATCH(find_pivots)(n, pivots);
    base::parallel_for(n.channels_last ? n.images * chunks : channels, n.channels_last ? 1 : line,
                       [&](std::int64_t begin, std::int64_t end) {
                           HWY_DYNAMIC_DISPATCH(sum_chunks)(n, chunks, pivots, sums, begin, end);
                       });
    for (std::int64_t image = 0; image < n.images; ++image)
        finish_image(n, chunks, pivots + image * n.channels, sums + 2 * image * chunks * n.channels,
                     factors + image * n.channels);
    base::parallel_for(n.channels_last ? n.images * n.pixels : channels, n.channels_last ? pixel : line,
                       [&](std::int64_t begin, std::int64_t end) {
                           HWY_DYNAMIC_DISPATCH(write_result)(n, factors, pivots, begin, end);
                       });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
