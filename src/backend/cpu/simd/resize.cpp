#include "backend/cpu/simd/resize.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/resize.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backend/cpu/simd/epilogue-inl.hpp"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// A row of `size` elements of one channel: vectors of neighbouring pixels.
template <class T>
void widen_line(const T* row, std::int64_t step, int size, const LinearTap* taps, int count, float* to) {
    const F32 d;
    const I32 di;
    constexpr int kLanes = static_cast<int>(lanes());
    int x = 0;
    if constexpr (std::is_same_v<T, float>) {
        for (; x + kLanes <= count; x += kLanes) {
            auto first = hn::Zero(di), second = first, weight = first;
            hn::LoadInterleaved3(di, reinterpret_cast<const std::int32_t*>(taps + x), first, second, weight);
            const std::int32_t base = taps[x].first;
            Vec left, right;
            if (step == 1 && base + kLanes <= size && taps[x + kLanes - 1].second < base + kLanes) {
                const Vec near = hn::LoadU(d, row + base);  // gathers are slow
                left = hn::TableLookupLanes(near, hn::IndicesFromVec(d, hn::Sub(first, hn::Set(di, base))));
                right = hn::TableLookupLanes(near, hn::IndicesFromVec(d, hn::Sub(second, hn::Set(di, base))));
            } else {
                const auto wide_step = hn::Set(di, static_cast<std::int32_t>(step));
                left = hn::GatherIndex(d, row, hn::Mul(first, wide_step));
                right = hn::GatherIndex(d, row, hn::Mul(second, wide_step));
            }
            hn::StoreU(hn::MulAdd(hn::BitCast(d, weight), hn::Sub(right, left), left), d, to + x);
        }
    }
    for (; x < count; x++) {
        const float left = number(row[taps[x].first * step]), right = number(row[taps[x].second * step]);
        to[x] = left + taps[x].weight * (right - left);
    }
}

/// Interpolates input row `y` along columns [begin, end) into dense pixels of f32; may write a vector beyond the last.
template <class T>
void widen_row_of(const BilinearResize& r, std::int64_t image, int y, int begin, int end, float* to) {
    const F32 d;
    const T* row = static_cast<const T*>(r.input) + image * r.input_pitch.image + y * r.input_pitch.row;
    const auto channels = static_cast<std::size_t>(r.channels);
    if (channels == 1) return widen_line(row, r.input_pitch.pixel, r.in_width, r.columns + begin, end - begin, to);
    for (int x = begin; x < end; x++, to += channels) {
        const LinearTap tap = r.columns[x];
        const T* a = row + tap.first * r.input_pitch.pixel;
        const T* b = row + tap.second * r.input_pitch.pixel;
        const Vec weight = hn::Set(d, tap.weight);
        over_vectors(channels, [&]<bool kPart>(std::size_t c, std::size_t count) HWY_ATTR {
            const Vec left = load_block<kPart>(a + c, count), right = load_block<kPart>(b + c, count);
            hn::StoreU(hn::MulAdd(weight, hn::Sub(right, left), left), d, to + c);
        });
    }
}

void widen_row(const BilinearResize& r, std::int64_t image, int y, int begin, int end, float* to) {
    with_storage(r.type, [&]<class T>() HWY_ATTR { widen_row_of<T>(r, image, y, begin, end, to); });
}

HWY_NOINLINE Vec activated(const Epilogue& e, Vec value) {
    activate(e.activation, e.alpha, e.beta, &value, 1);
    return value;
}

/// Results beyond this many bytes do not stay in a cache until they are read.
constexpr std::int64_t kLargeOutput = 16 << 20;

/// `count` neighbouring elements: the interpolation between two widened rows, finished and stored, past the caches if
/// `kStream` (`output` is then aligned to a vector).
template <bool kStream, class T>
HWY_INLINE void blend(const float* upper, const float* lower, float weight, const Epilogue& e, const T* residual,
                      T* output, std::size_t count) {
    const F32 d;
    const Vec w = hn::Set(d, weight);
    const Clamp clamp(e);
    const bool simple = Clamp::fits(e);
    over_vectors(count, [&]<bool kPart>(std::size_t i, std::size_t n) HWY_ATTR {
        const Vec a = hn::LoadU(d, upper + i), b = hn::LoadU(d, lower + i);
        Vec value = hn::MulAdd(w, hn::Sub(b, a), a);
        if (residual) value = hn::Add(value, load_block<kPart>(residual + i, n));
        if (simple)
            value = clamp(value);
        else
            value = activated(e, value);
        if constexpr (kStream && !kPart)
            hn::Stream(value, d, output + i);
        else
            store_block<kPart>(value, output + i, n);
    });
}

template <class T>
void blend_row_of(const BilinearResize& r, std::int64_t image, int y, int begin, int end, const float* upper,
                  const float* lower) {
    const Epilogue& e = r.epilogue;
    const float weight = r.rows[y].weight;
    T* output = static_cast<T*>(r.output) + image * r.output_pitch.image + y * r.output_pitch.row;
    const T* residual = static_cast<const T*>(e.residual);
    if (residual) residual += image * e.residual_pitch.image + y * e.residual_pitch.row;
    const bool dense = r.output_pitch.pixel == r.channels && (!residual || e.residual_pitch.pixel == r.channels);
    const int step = dense ? end - begin : 1;
    const std::size_t count = static_cast<std::size_t>(step) * static_cast<std::size_t>(r.channels);
    if constexpr (std::is_same_v<T, float>) {
        T* start = output + begin * r.output_pitch.pixel;
        const bool large = r.batch * r.output_pitch.image * static_cast<std::int64_t>(sizeof(T)) > kLargeOutput;
        if (dense && large && reinterpret_cast<std::uintptr_t>(start) % (lanes() * sizeof(T)) == 0) {
            blend<true>(upper, lower, weight, e, residual ? residual + begin * e.residual_pitch.pixel : nullptr, start,
                        count);
            return hwy::FlushStream();
        }
    }
    for (int x = begin; x < end; x += step, upper += count, lower += count)
        blend<false>(upper, lower, weight, e, residual ? residual + x * e.residual_pitch.pixel : nullptr,
                     output + x * r.output_pitch.pixel, count);
}

void blend_row(const BilinearResize& r, std::int64_t image, int y, int begin, int end, const float* upper,
               const float* lower) {
    with_storage(r.type, [&]<class T>() HWY_ATTR { blend_row_of<T>(r, image, y, begin, end, upper, lower); });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>
#include <cstring>

#include "base/checked.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(widen_row);
HWY_EXPORT(blend_row);

constexpr std::int64_t kWidestVector = 16, kStripFloats = 64 * 1024 / 4;

/// Output columns whose two widened rows stay in a second-level cache.
int strip_width(const BilinearResize& r) {
    return static_cast<int>(std::clamp<std::int64_t>(kStripFloats / r.channels, 1, r.out_width));
}

std::int64_t row_floats(const BilinearResize& r) {
    return base::round_up(std::int64_t{strip_width(r)} * r.channels, kWidestVector) + kWidestVector;
}

/// Two widened rows that stay while the output rows that need them are made.
class WidenedRows {
  public:
    WidenedRows(const BilinearResize& resize, float* memory)
        : resize_(resize), rows_{memory, memory + row_floats(resize)} {}

    /// Moves to another image or strip.
    void restart(std::int64_t image, int begin, int end) {
        if (image == image_ && begin == begin_) return;
        image_ = image, begin_ = begin, end_ = end;
        held_[0] = held_[1] = -1;
    }
    /// The widened input row `y`; keeps row `other`.
    const float* get(int y, int other) {
        for (const int slot : {0, 1})
            if (held_[slot] == y) return rows_[slot];
        const int slot = held_[0] == other ? 1 : 0;
        HWY_DYNAMIC_DISPATCH(widen_row)(resize_, image_, y, begin_, end_, rows_[slot]);
        held_[slot] = y;
        return rows_[slot];
    }

  private:
    const BilinearResize& resize_;
    float* rows_[2];
    std::int64_t image_ = -1;
    int begin_ = -1, end_ = -1, held_[2] = {-1, -1};
};

double source_position(int i, int in_size, int out_size, double scale, Coordinates coordinates) {
    switch (coordinates) {
        case Coordinates::half_pixel: return (i + 0.5) / scale - 0.5;
        case Coordinates::pytorch_half_pixel: return out_size > 1 ? (i + 0.5) / scale - 0.5 : 0;
        case Coordinates::half_pixel_symmetric: {
            const double exact = in_size * scale, adjustment = out_size / exact, centre = in_size / 2.0;
            return centre * (1 - adjustment) + (i + 0.5) / scale - 0.5;
        }
        case Coordinates::align_corners:
            return out_size > 1 ? i * static_cast<double>(in_size - 1) / (out_size - 1) : 0;
        case Coordinates::asymmetric: break;
    }
    return i / scale;
}

}  // namespace

void fill_linear_taps(LinearTap* taps, int in_size, int out_size, double scale, Coordinates coordinates) {
    for (int i = 0; i < out_size; i++) {
        const double at = std::clamp(source_position(i, in_size, out_size, scale, coordinates), 0.0, in_size - 1.0);
        const int first = static_cast<int>(at);
        taps[i] = {first, std::min(first + 1, in_size - 1), static_cast<float>(at - first)};
    }
}

std::size_t bilinear_resize_workspace(const BilinearResize& resize, int threads) {
    return static_cast<std::size_t>(2 * row_floats(resize) * threads) * sizeof(float);
}

void bilinear_resize(const BilinearResize& resize, void* workspace, int threads) noexcept {
    const int strip = strip_width(resize);
    const std::int64_t height = resize.out_height, strips = base::ceil_div(resize.out_width, strip);
    const std::int64_t work = resize.batch * strips * height;
    base::parallel_for(threads, 1, [&](std::int64_t first_part, std::int64_t last_part) {
        WidenedRows rows(resize, static_cast<float*>(workspace) + first_part * 2 * row_floats(resize));
        for (std::int64_t i = work * first_part / threads; i < work * last_part / threads; i++) {
            const std::int64_t image = i / (height * strips);
            const int begin = static_cast<int>(i / height % strips) * strip,
                      end = std::min(begin + strip, resize.out_width);
            const int y = static_cast<int>(i % height);
            const LinearTap tap = resize.rows[y];
            rows.restart(image, begin, end);
            const float* upper = rows.get(tap.first, tap.second);
            const float* lower = rows.get(tap.second, tap.first);
            HWY_DYNAMIC_DISPATCH(blend_row)(resize, image, y, begin, end, upper, lower);
        }
    });
}

void nearest_resize(const NearestResize& resize, int threads) noexcept {
    const std::int64_t work = std::int64_t{resize.batch} * resize.out_height, bytes = resize.element_bytes;
    const auto pixel = static_cast<std::size_t>(resize.channels * bytes);
    base::parallel_for(threads, 1, [&](std::int64_t first_part, std::int64_t last_part) {
        for (std::int64_t i = work * first_part / threads; i < work * last_part / threads; i++) {
            const std::int64_t image = i / resize.out_height, y = i % resize.out_height;
            const auto* from = static_cast<const std::byte*>(resize.input) +
                               (image * resize.input_pitch.image + resize.rows[y] * resize.input_pitch.row) * bytes;
            auto* to = static_cast<std::byte*>(resize.output) +
                       (image * resize.output_pitch.image + y * resize.output_pitch.row) * bytes;
            for (int x = 0; x < resize.out_width; x++, to += resize.output_pitch.pixel * bytes)
                std::memcpy(to, from + resize.columns[x] * resize.input_pitch.pixel * bytes, pixel);
        }
    });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
