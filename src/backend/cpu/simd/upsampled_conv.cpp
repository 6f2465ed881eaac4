#include "backend/cpu/simd/upsampled_conv.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/upsampled_conv.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backend/cpu/simd/activation-inl.hpp"
#include "backend/cpu/simd/product-inl.hpp"
#include "base/checked.hpp"

#ifndef FOVEA_SIMD_UPSAMPLED_PLAN
#define FOVEA_SIMD_UPSAMPLED_PLAN
namespace fovea::backend::cpu::simd {

/// Scratch memory in floats. Shared: every input row's sums over channels and filter columns, widened to the output's
/// width, [in_height][kernel_height][wide]. For each thread: packed pixels, their sums, and one row's sums by tap.
struct UpsampledPlan {
    static constexpr std::int64_t kWidest = 16;  ///< lanes of the widest vector

    std::int64_t taps, lines, channels, pixels, wide;

    UpsampledPlan(const UpsampledConv& conv, int most_rows)
        : taps(std::int64_t{conv.kernel_height} * conv.kernel_width),
          lines(base::round_up(taps, kWidest)),
          channels(base::round_up(conv.channels, kWidest)),
          pixels(most_rows),
          wide(base::round_up(conv.out_width, kWidest)),
          row_(base::round_up(conv.in_width, kWidest)),
          shared_(std::int64_t{conv.in_height} * conv.kernel_height * wide) {}

    [[nodiscard]] std::int64_t widened(const UpsampledConv& conv, std::int64_t row, std::int64_t tap_row) const {
        return (row * conv.kernel_height + tap_row) * wide;
    }
    [[nodiscard]] std::int64_t packed(std::int64_t part) const { return shared_ + part * per_thread(); }
    [[nodiscard]] std::int64_t sums(std::int64_t part) const { return packed(part) + pixels * channels; }
    [[nodiscard]] std::int64_t by_tap(std::int64_t part) const { return sums(part) + pixels * lines; }
    [[nodiscard]] std::int64_t row() const { return row_; }
    [[nodiscard]] std::int64_t size(int threads) const { return shared_ + threads * per_thread(); }

  private:
    [[nodiscard]] std::int64_t per_thread() const { return pixels * (channels + lines) + taps * row_; }
    std::int64_t row_, shared_;
};

}  // namespace fovea::backend::cpu::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

constexpr auto kStep = static_cast<std::int64_t>(lanes());

/// Blocks of lanes() channels, each [pixel][channel], zero beyond the last channel.
template <class T>
void pack_pixels(const UpsampledConv& c, const T* from, std::int64_t pixels, std::int64_t channels, float* to) {
    for (std::int64_t i = 0; i < channels; i += kStep)
        for (std::int64_t pixel = 0; pixel < pixels; pixel++, to += kStep) {
            const std::int64_t left = c.channels - i;
            hn::StoreU(left > 0 ? load_some(from + pixel * c.input_pitch.pixel + i, static_cast<std::size_t>(left))
                                : hn::Zero(F32()),
                       F32(), to);
        }
}

/// Sums of one input row over its channels, for every tap: by_tap[tap][column].
template <class T>
void sum_channels(const UpsampledConv& c, const UpsampledPlan& plan, const T* row, float* packed, float* sums,
                  float* by_tap) {
    for (std::int64_t first = 0; first < c.in_width; first += plan.pixels) {
        const std::int64_t pixels = std::min<std::int64_t>(plan.pixels, c.in_width - first);
        pack_pixels(c, row + first * c.input_pitch.pixel, pixels, plan.channels, packed);
        const auto product = tile_product_of<SingleUnits>(static_cast<int>(pixels), 1);
        for (std::int64_t line = 0; line < plan.lines; line += kStep)
            product(packed, c.weights + line * plan.channels, static_cast<std::size_t>(plan.channels / kStep),
                    sums + line, static_cast<std::size_t>(plan.lines), 0);
        for (std::int64_t tap = 0; tap < plan.taps; tap++)
            for (std::int64_t pixel = 0; pixel < pixels; pixel++)
                by_tap[tap * plan.row() + first + pixel] = sums[pixel * plan.lines + tap];
    }
}

/// Interpolates along the row and adds the filter's columns.
void widen(const UpsampledConv& c, const UpsampledPlan& plan, const float* by_tap, float* to) {
    const F32 d;
    const UpsampledColumns& columns = *c.columns;
    for (std::int64_t x = 0; x < c.out_width; x += kStep) {
        Vec sum = hn::Zero(d);
        for (int tap = 0; tap < c.kernel_width; tap++) {
            const float* line = by_tap + tap * plan.row();
            const auto at = static_cast<std::size_t>(x + tap);
            const Vec first = hn::GatherIndex(d, line, hn::LoadU(I32(), columns.first.data() + at));
            const Vec second = hn::GatherIndex(d, line, hn::LoadU(I32(), columns.second.data() + at));
            sum = hn::MulAdd(first, hn::LoadU(d, columns.first_weight.data() + at), sum);
            sum = hn::MulAdd(second, hn::LoadU(d, columns.second_weight.data() + at), sum);
        }
        hn::StoreU(sum, d, to + x);
    }
}

/// The first stage for input rows [begin, end).
void sum_rows(const UpsampledConv& c, const UpsampledPlan& plan, float* memory, std::int64_t part, std::int64_t image,
              std::int64_t begin, std::int64_t end) {
    float* by_tap = memory + plan.by_tap(part);
    for (std::int64_t row = begin; row < end; row++) {
        const std::int64_t offset = image * c.input_pitch.image + row * c.input_pitch.row;
        with_storage(c.type, [&]<class T>() HWY_ATTR {
            sum_channels(c, plan, static_cast<const T*>(c.input) + offset, memory + plan.packed(part),
                         memory + plan.sums(part), by_tap);
        });
        for (int tap = 0; tap < c.kernel_height; tap++)
            widen(c, plan, by_tap + tap * c.kernel_width * plan.row(), memory + plan.widened(c, row, tap));
    }
}

/// One row of the output: interpolates between rows and adds the filter's rows.
template <class T>
void finish_row(const UpsampledConv& c, const UpsampledPlan& plan, const float* memory, std::int64_t y, T* to) {
    const F32 d;
    for (std::int64_t x = 0; x < c.out_width; x += kStep) {
        Vec sum = hn::Set(d, c.bias);
        for (int tap = 0; tap < c.kernel_height; tap++) {
            const std::int64_t row = y + tap - c.pad_top;
            if (row < 0 || row >= c.resized_height) continue;
            const LinearTap at = c.rows[row];
            const Vec first = hn::LoadU(d, memory + plan.widened(c, at.first, tap) + x);
            const Vec second = hn::LoadU(d, memory + plan.widened(c, at.second, tap) + x);
            sum = hn::Add(sum, hn::MulAdd(hn::Set(d, at.weight), hn::Sub(second, first), first));
        }
        activate(c.activation, c.alpha, c.beta, &sum, 1);
        store_some(sum, to + x, static_cast<std::size_t>(c.out_width - x));
    }
}

void finish_rows(const UpsampledConv& c, const UpsampledPlan& plan, const float* memory, std::int64_t image,
                 std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; y++) {
        const std::int64_t offset = (image * c.out_height + y) * c.out_width;
        with_storage(c.output_type,
                     [&]<class T>() HWY_ATTR { finish_row(c, plan, memory, y, static_cast<T*>(c.output) + offset); });
    }
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backend/cpu/simd/target.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(sum_rows);
HWY_EXPORT(finish_rows);

}  // namespace

UpsampledColumns::UpsampledColumns(const LinearTap* taps, int size, int pad, int count) {
    // Vectors may read beyond the last.
    const auto length = static_cast<std::size_t>(count + UpsampledPlan::kWidest);
    first.resize(length), second.resize(length), first_weight.resize(length), second_weight.resize(length);
    for (int i = std::max(pad, 0); i < std::min(count, pad + size); i++) {
        const LinearTap& tap = taps[i - pad];
        const auto at = static_cast<std::size_t>(i);
        first[at] = tap.first, first_weight[at] = 1 - tap.weight;
        second[at] = tap.second, second_weight[at] = tap.weight;
    }
}

std::size_t upsampled_packed_size(const UpsampledConv& conv) {
    const UpsampledPlan plan(conv, target_tile_rows());
    return static_cast<std::size_t>(plan.channels * plan.lines);
}

void upsampled_pack(const UpsampledConv& conv, const float* filter, float* packed) {
    const UpsampledPlan plan(conv, target_tile_rows());
    const std::int64_t lanes = target_lanes();
    std::fill(packed, packed + upsampled_packed_size(conv), 0.0f);
    for (std::int64_t channel = 0; channel < conv.channels; channel++)
        for (std::int64_t tap = 0; tap < plan.taps; tap++)
            packed[tap / lanes * lanes * plan.channels + channel * lanes + tap % lanes] =
                filter[channel * plan.taps + tap];
}

std::size_t upsampled_workspace(const UpsampledConv& conv, int threads) {
    return static_cast<std::size_t>(UpsampledPlan(conv, target_tile_rows()).size(threads)) * sizeof(float);
}

void upsampled_conv(const UpsampledConv& conv, void* workspace, int threads) noexcept {
    const UpsampledPlan plan(conv, target_tile_rows());
    auto* memory = static_cast<float*>(workspace);
    for (std::int64_t image = 0; image < conv.batch; image++) {
        base::parallel_for(threads, 1, [&](std::int64_t first, std::int64_t last) {
            for (std::int64_t part = first; part < last; part++) HWY_DYNAMIC_DISPATCH(sum_rows)
            (conv, plan, memory, part, image, conv.in_height * part / threads, conv.in_height * (part + 1) / threads);
        });
        base::parallel_for(threads, 1, [&](std::int64_t first, std::int64_t last) {
            HWY_DYNAMIC_DISPATCH(finish_rows)
            (conv, plan, memory, image, conv.out_height * first / threads, conv.out_height * last / threads);
        });
    }
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
