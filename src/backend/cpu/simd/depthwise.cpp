#include "backend/cpu/simd/depthwise.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/depthwise.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backend/cpu/simd/epilogue-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// Output pixels computed together.
#if HWY_TARGET == HWY_AVX3
constexpr int kPixels = 8;
#else
constexpr int kPixels = 4;
#endif

/// What the kernels below share: one row of output pixels.
template <class T>
struct RowTask {
    const DepthwiseConv& conv;
    const T* input;  ///< the image
    T* output;       ///< the row
    const T* residual;
    int y, first_tap_row, last_tap_row;

    [[nodiscard]] HWY_INLINE const T* pixel(int tap_row, int column) const {
        const std::int64_t row = std::int64_t{y} * conv.stride_y - conv.pad_top + tap_row * conv.dilation_y;
        return input + row * conv.input_pitch.row + column * conv.input_pitch.pixel;
    }
    /// Weights of a channel block: [tap][lanes()].
    [[nodiscard]] HWY_INLINE const float* weights(int channel) const {
        return conv.weights + static_cast<std::int64_t>(channel) * conv.kernel_height * conv.kernel_width;
    }
};

/// Finishes and stores the sums of kCount pixels. `output` and `residual` point at the first pixel's channel block.
template <bool kPart, int kCount, class T>
HWY_INLINE void finish_pixels(const DepthwiseConv& c, const Clamp& clamp, int channel, std::size_t count,
                              const Vec* sums, T* output, const T* residual) {
    const Epilogue& e = c.epilogue;
    const Vec shift = e.bias ? load_block<kPart>(e.bias + channel, count) : hn::Zero(F32());
    if (!residual && Clamp::fits(e)) {
#pragma GCC unroll 8
        for (int p = 0; p < kCount; p++)
            store_block<kPart>(clamp(hn::Add(sums[p], shift)), output + p * c.output_pitch.pixel, count);
        return;
    }
    Vec values[kCount];
    for (int p = 0; p < kCount; p++) values[p] = hn::Add(sums[p], shift);
    if (residual)
        for (int p = 0; p < kCount; p++)
            values[p] = hn::Add(values[p], load_block<kPart>(residual + p * e.residual_pitch.pixel, count));
    activate(e.activation, e.alpha, e.beta, values, kCount);
    for (int p = 0; p < kCount; p++) store_block<kPart>(values[p], output + p * c.output_pitch.pixel, count);
}

/// Output pixels whose taps may lie outside the image.
template <class T>
HWY_NOINLINE void border_pixels(const RowTask<T>& task, int begin, int end) {
    const DepthwiseConv& c = task.conv;
    const Clamp clamp(c.epilogue);
    for (int x = begin; x < end; x++)
        for (int channel = 0; channel < c.channels; channel += static_cast<int>(lanes())) {
            const std::size_t count = static_cast<std::size_t>(c.channels - channel);
            const float* weights = task.weights(channel);
            Vec sum = hn::Zero(F32());
            for (int ky = task.first_tap_row; ky < task.last_tap_row; ky++)
                for (int kx = 0; kx < c.kernel_width; kx++) {
                    const int column = x * c.stride_x - c.pad_left + kx * c.dilation_x;
                    if (column < 0 || column >= c.in_width) continue;
                    const Vec w = hn::LoadU(F32(), weights + (ky * c.kernel_width + kx) * lanes());
                    sum = hn::MulAdd(load_some(task.pixel(ky, column) + channel, count), w, sum);
                }
            T* to = task.output + x * c.output_pitch.pixel + channel;
            const T* residual = task.residual ? task.residual + x * c.epilogue.residual_pitch.pixel + channel : nullptr;
            if (count < lanes())
                finish_pixels<true, 1>(c, clamp, channel, count, &sum, to, residual);
            else
                finish_pixels<false, 1>(c, clamp, channel, count, &sum, to, residual);
        }
}

/// kPixels output pixels at a time, all of whose taps lie inside the image's columns.
template <class T>
struct AnyKernel {
    static constexpr int kRows = 1, kPrefetchRows = 0;
    const RowTask<T>& task;
    std::int64_t tap, step;
    const T* first = nullptr;  ///< input of the block's first pixel under the first valid tap row

    explicit HWY_INLINE AnyKernel(const RowTask<T>& t)
        : task(t),
          tap(t.conv.dilation_x * t.conv.input_pitch.pixel),
          step(t.conv.stride_x * t.conv.input_pitch.pixel) {}
    HWY_INLINE void move_to(int x) {
        first = task.pixel(task.first_tap_row, x * task.conv.stride_x - task.conv.pad_left);
    }

    template <bool kPart>
    HWY_INLINE void sum(int channel, std::size_t count, Vec (*sums)[kPixels]) const {
        const DepthwiseConv& c = task.conv;
        const float* weights =
            task.weights(channel) + task.first_tap_row * c.kernel_width * static_cast<std::int64_t>(lanes());
        const T* row = first + channel;
        for (int ky = task.first_tap_row; ky < task.last_tap_row; ky++, row += c.dilation_y * c.input_pitch.row) {
            const T* from = row;
            for (int kx = 0; kx < c.kernel_width; kx++, from += tap, weights += lanes()) {
                const Vec w = hn::LoadU(F32(), weights);
#pragma GCC unroll 8
                for (int p = 0; p < kPixels; p++)
                    sums[0][p] = hn::MulAdd(load_block<kPart>(from + p * step, count), w, sums[0][p]);
            }
        }
    }
};

/// The same for kSize x kSize undilated taps, all inside, on kOutputRows rows: inputs are loaded once for all sums that
/// use them.
template <class T, int kSize, int kStride, int kOutputRows>
struct SquareKernel {
    static constexpr int kRows = kOutputRows, kPrefetchRows = kOutputRows * kStride;
    static constexpr int kInputRows = (kRows - 1) * kStride + kSize, kColumns = (kPixels - 1) * kStride + kSize;
    const RowTask<T>& task;
    const T* rows[kInputRows];

    explicit HWY_INLINE SquareKernel(const RowTask<T>& t) : task(t) {}
    HWY_INLINE void move_to(int x) {
        for (int r = 0; r < kInputRows; r++) rows[r] = task.pixel(r, x * kStride - task.conv.pad_left);
    }
    /// Where row `r` of those that no earlier output row has read continues behind the block.
    [[nodiscard]] HWY_INLINE const T* next(int r) const {
        return rows[kInputRows - kPrefetchRows + r] + kColumns * task.conv.input_pitch.pixel;
    }

    template <bool kPart>
    HWY_INLINE void sum(int channel, std::size_t count, Vec (*sums)[kPixels]) const {
        const float* weights = task.weights(channel);
        const std::int64_t pitch = task.conv.input_pitch.pixel;
#pragma GCC unroll 8
        for (int row = 0; row < kInputRows; row++) {
            const T* from = rows[row] + channel;
#pragma GCC unroll 24
            for (int i = 0; i < kColumns; i++, from += pitch) {
                const Vec v = load_block<kPart>(from, count);
#pragma GCC unroll 2
                for (int r = 0; r < kRows; r++) {
                    const int ky = row - r * kStride;
                    if (ky < 0 || ky >= kSize) continue;
#pragma GCC unroll 8
                    for (int kx = 0; kx < kSize; kx++) {
                        const int p = (i - kx) / kStride;
                        if (i < kx || (i - kx) % kStride != 0 || p >= kPixels) continue;
                        sums[r][p] = hn::MulAdd(v, hn::LoadU(F32(), weights + (ky * kSize + kx) * lanes()), sums[r][p]);
                    }
                }
            }
        }
    }
};

/// One channel block of the pixels that `kernel` stands on.
template <bool kPart, class T, class Kernel>
HWY_INLINE void channel_block(const Kernel& kernel, const Clamp& clamp, int x, int channel, std::size_t count) {
    const RowTask<T>& task = kernel.task;
    const DepthwiseConv& c = task.conv;
    Vec sums[Kernel::kRows][kPixels];
#pragma GCC unroll 2
    for (int r = 0; r < Kernel::kRows; r++)
#pragma GCC unroll 8
        for (int p = 0; p < kPixels; p++) sums[r][p] = hn::Zero(F32());
    kernel.template sum<kPart>(channel, count, sums);
#pragma GCC unroll 2
    for (int r = 0; r < Kernel::kRows; r++) {
        T* to = task.output + r * c.output_pitch.row + x * c.output_pitch.pixel + channel;
        const Pitch& pitch = c.epilogue.residual_pitch;
        const T* residual = task.residual ? task.residual + r * pitch.row + x * pitch.pixel + channel : nullptr;
        finish_pixels<kPart, kPixels>(c, clamp, channel, count, sums[r], to, residual);
    }
}

/// Fetches a share of what the next block of pixels reads first and writes: the hardware does not follow as many
/// streams as a block has pixels, but to them the next block's pixels are one stream a row.
template <class T, class Kernel>
HWY_INLINE void prefetch_share(const Kernel& kernel, int x, int channel) {
    constexpr int kLine = 64 / sizeof(T), kOutputLines = kPixels * static_cast<int>(lanes() * sizeof(T)) / 64;
    const DepthwiseConv& c = kernel.task.conv;
    if constexpr (Kernel::kPrefetchRows > 0) {
        constexpr int kInputLines = kOutputLines * Kernel::kPrefetchRows / Kernel::kRows;
#pragma GCC unroll 2
        for (int r = 0; r < Kernel::kPrefetchRows; r++)
#pragma GCC unroll 16
            for (int i = 0; i < kInputLines; i++)
                __builtin_prefetch(
                    kernel.next(r) + channel * kInputLines * kLine / static_cast<int>(lanes()) + i * kLine, 0, 2);
    }
#pragma GCC unroll 2
    for (int r = 0; r < Kernel::kRows; r++) {
        const T* to = kernel.task.output + r * c.output_pitch.row + (x + kPixels) * c.output_pitch.pixel;
#pragma GCC unroll 8
        for (int i = 0; i < kOutputLines; i++)
            __builtin_prefetch(to + channel * kOutputLines * kLine / static_cast<int>(lanes()) + i * kLine, 1, 2);
    }
}

/// Pixels [begin, end), all channels, in blocks of kPixels of which the last may overlap its neighbour. Returns whether
/// there were enough pixels for a block.
template <class Kernel, class T>
HWY_NOINLINE bool inner_pixels(const RowTask<T>& task, int begin, int end) {
    const Clamp clamp(task.conv.epilogue);
    const int channels = task.conv.channels;
    Kernel kernel(task);
    if (end - begin < kPixels) return false;
    for (; begin < end; begin += kPixels) {
        const int x = std::min(begin, end - kPixels);
        kernel.move_to(x);
        int channel = 0;
        for (; channel + static_cast<int>(lanes()) <= channels; channel += static_cast<int>(lanes())) {
            prefetch_share<T>(kernel, x, channel);
            channel_block<false, T>(kernel, clamp, x, channel, lanes());
        }
        if (channel == channels) continue;
        channel_block<true, T>(kernel, clamp, x, channel, static_cast<std::size_t>(channels - channel));
    }
    return true;
}

/// Taps [first, last) of an axis that lie inside [0, size) when the first lies at `at`.
HWY_INLINE void clip_taps(int at, int taps, int dilation, int size, int& first, int& last) {
    first = at >= 0 ? 0 : std::min((-at + dilation - 1) / dilation, taps);
    last = at >= size ? first : std::clamp((size - 1 - at) / dilation + 1, first, taps);
}

template <class T>
RowTask<T> task_of(const DepthwiseConv& c, std::int64_t image, int y) {
    const Epilogue& e = c.epilogue;
    RowTask<T> task{c,
                    static_cast<const T*>(c.input) + image * c.input_pitch.image,
                    static_cast<T*>(c.output) + image * c.output_pitch.image + y * c.output_pitch.row,
                    static_cast<const T*>(e.residual),
                    y,
                    0,
                    0};
    if (e.residual) task.residual += image * e.residual_pitch.image + y * e.residual_pitch.row;
    clip_taps(y * c.stride_y - c.pad_top, c.kernel_height, c.dilation_y, c.in_height, task.first_tap_row,
              task.last_tap_row);
    return task;
}

template <class T>
HWY_INLINE bool inner_pixels_of(const RowTask<T>& task, int begin, int end) {
    const DepthwiseConv& c = task.conv;
    const bool all_rows = task.first_tap_row == 0 && task.last_tap_row == c.kernel_height;
    const bool square =
        c.kernel_height == c.kernel_width && c.stride_y == c.stride_x && c.dilation_x == 1 && c.dilation_y == 1;
    if (square && all_rows && c.kernel_width == 3 && c.stride_x == 1)
        return inner_pixels<SquareKernel<T, 3, 1, 1>>(task, begin, end);
    if (square && all_rows && c.kernel_width == 3 && c.stride_x == 2)
        return inner_pixels<SquareKernel<T, 3, 2, 1>>(task, begin, end);
    if (square && all_rows && c.kernel_width == 5 && c.stride_x == 1)
        return inner_pixels<SquareKernel<T, 5, 1, 1>>(task, begin, end);
    return inner_pixels<AnyKernel<T>>(task, begin, end);
}

template <class T>
void output_rows_of(const DepthwiseConv& c, std::int64_t image, int y, int rows, int begin, int end) {
    // All taps of pixels in [inner, outer) are inside the image's columns.
    const int room = c.in_width - 1 - (c.kernel_width - 1) * c.dilation_x + c.pad_left;
    const int inner = std::clamp((c.pad_left + c.stride_x - 1) / c.stride_x, begin, end);
    const int outer = room < 0 ? inner : std::clamp(room / c.stride_x + 1, inner, end);
    const bool pair = rows == 2 && c.kernel_height == 3 && c.kernel_width == 3 && c.stride_x == 1 && c.stride_y == 1 &&
                      c.dilation_x == 1 && c.dilation_y == 1 && y >= c.pad_top && y + 4 - c.pad_top <= c.in_height;
    const bool paired = pair && inner_pixels<SquareKernel<T, 3, 1, 2>>(task_of<T>(c, image, y), inner, outer);
    for (int r = 0; r < rows; r++) {
        const RowTask<T> task = task_of<T>(c, image, y + r);
        const bool done = paired || inner_pixels_of(task, inner, outer);
        border_pixels(task, begin, done ? inner : outer);
        border_pixels(task, outer, end);
    }
}

/// Columns [begin, end) of output rows [y, y + rows), at most two.
void output_rows(const DepthwiseConv& c, std::int64_t image, int y, int rows, int begin, int end) {
    with_storage(c.type, [&]<class T>() HWY_ATTR { output_rows_of<T>(c, image, y, rows, begin, end); });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backend/cpu/simd/strips.hpp"
#include "backend/cpu/simd/target.hpp"
#include "base/checked.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(output_rows);

}  // namespace

std::size_t depthwise_packed_size(const DepthwiseConv& conv) {
    return static_cast<std::size_t>(base::round_up(conv.channels, target_lanes())) * conv.kernel_height *
           conv.kernel_width;
}

void depthwise_pack(const DepthwiseConv& conv, const float* filters, float* packed) {
    const std::int64_t lanes = target_lanes(), taps = conv.kernel_height * conv.kernel_width;
    for (std::int64_t c = 0; c < base::round_up(conv.channels, lanes); c++)
        for (std::int64_t tap = 0; tap < taps; tap++)
            packed[(c / lanes * taps + tap) * lanes + c % lanes] = c < conv.channels ? filters[c * taps + tap] : 0;
}

void depthwise_conv(const DepthwiseConv& conv, int threads) noexcept {
    const std::int64_t pixel = conv.channels * static_cast<std::int64_t>(element_bytes(conv.type));
    const int strip = strip_columns(pixel * (conv.kernel_height + 1) * conv.stride_x, conv.out_width);
    const int pairs = (conv.out_height + 1) / 2;
    for_each_strip(conv.batch, pairs, conv.out_width, strip, threads,
                   [&](std::int64_t image, int pair, int begin, int end) {
                       const int rows = std::min(2, conv.out_height - 2 * pair);
                       HWY_DYNAMIC_DISPATCH(output_rows)(conv, image, 2 * pair, rows, begin, end);
                   });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
