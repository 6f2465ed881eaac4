#include "backend/cpu/simd/winograd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/winograd.cpp"
#include "hwy/foreach_target.h"

#include "backend/cpu/simd/epilogue-inl.hpp"
#include "backend/cpu/simd/product-inl.hpp"
#include "backend/cpu/simd/winograd_plan.hpp"
#include "backend/cpu/simd/winograd_transform-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

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

/// One channel block of one patch; points lie `point_step` apart.
template <bool kInside, bool kPart, class T>
HWY_INLINE void transform_block(const Patch<T>& patch, std::int64_t channel, std::size_t count, float* to,
                                std::int64_t point_step) {
    const F32 d;
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
        for (int x = 0; x < 6; x++) hn::Store(result[x], d, to + (y * 6 + x) * point_step);
    }
}

/// All channels of one patch. `to` receives channel block after channel block, `block_step` apart.
template <bool kInside, class T>
HWY_INLINE void transform_patch(const Patch<T>& patch, std::int64_t channels, float* to, std::int64_t block_step,
                                std::int64_t point_step) {
    std::int64_t channel = 0;
    for (; channel + static_cast<std::int64_t>(lanes()) <= channels; channel += lanes(), to += block_step)
        transform_block<kInside, false>(patch, channel, lanes(), to, point_step);
    if (channel < channels)
        transform_block<kInside, true>(patch, channel, static_cast<std::size_t>(channels - channel), to, point_step);
}

template <class T>
void transform_input_of(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block,
                        std::int64_t begin, std::int64_t end) {
    const std::int64_t n = lanes(), rows = plan.group_rows(block.count), point = plan.input_point(block.count);
    TilePlace place(plan, block.first + begin);
    for (std::int64_t tile = begin; tile < end; tile++, place.advance(plan)) {
        const std::int64_t group = tile / rows;
        const std::int64_t group_size = std::min(rows, block.count - group * rows);
        float* to = block.input + group * rows * plan.depth() + (tile - group * rows) * n;
        for (int s = 0; s < 2; s++) {
            if (conv.sources[s].channels == 0) continue;
            const Patch<T> patch(conv.sources[s], place);
            if (patch.inside)
                transform_patch<true>(patch, conv.sources[s].channels, to, group_size * n, point);
            else
                transform_patch<false>(patch, conv.sources[s].channels, to, group_size * n, point);
            to += plan.source_blocks[s] * group_size * n;
        }
    }
}

void transform_input(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block, std::int64_t begin,
                     std::int64_t end) {
    if (conv.type == DType::bf16)
        transform_input_of<Bf16Bits>(conv, plan, block, begin, end);
    else
        transform_input_of<float>(conv, plan, block, begin, end);
}

/// The products of one panel of output channels at one point, for all tiles of a block.
void multiply(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block, std::int64_t panel,
              std::int64_t point) {
    const int vectors = plan.panel_vectors(panel, conv.out_channels);
    const std::int64_t width = vectors * static_cast<std::int64_t>(lanes());
    const float* weights = conv.weights + plan.weight_offset(panel, point, width);
    const float* a = block.input + point * plan.input_point(block.count);
    float* c = block.product + point * plan.product_point(block.count);
    const std::int64_t rows = plan.group_rows(block.count);
    for (std::int64_t tile = 0; tile < block.count; tile += rows) {
        const std::int64_t count = std::min(rows, block.count - tile);
        tile_product_of<SingleUnits>(static_cast<int>(count), vectors)(
            a + tile * plan.depth(), weights, static_cast<std::size_t>(plan.blocks), c + tile * width,
            static_cast<std::size_t>(width), lanes());
    }
}

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

/// A whole tile of whole vectors with an activation that is a clamp.
template <class T>
HWY_INLINE void store_whole(const WinogradConv& conv, const TileStore<T>& to, const Clamp& clamp, const Vec* values) {
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++) {
        T* row = to.output + y * conv.output_pitch.row;
#pragma GCC unroll 4
        for (int x = 0; x < 4; x++) {
            Vec value = values[y * 4 + x];
            if (to.residual)
                value = hn::Add(value, load(to.residual + y * conv.epilogue.residual_pitch.row +
                                            x * conv.epilogue.residual_pitch.pixel));
            store(clamp(value), row + x * conv.output_pitch.pixel);
        }
    }
}

template <class T>
HWY_NOINLINE void store_any(const WinogradConv& conv, const TileStore<T>& to, Vec* values, std::size_t count) {
    const Epilogue& e = conv.epilogue;
    for (std::int64_t y = 0; to.residual && y < to.rows; y++)
        for (std::int64_t x = 0; x < to.columns; x++) {
            const T* at = to.residual + y * e.residual_pitch.row + x * e.residual_pitch.pixel;
            values[y * 4 + x] = hn::Add(values[y * 4 + x], load_some(at, count));
        }
    activate(e.activation, e.alpha, e.beta, values, 16);
    for (std::int64_t y = 0; y < to.rows; y++)
        for (std::int64_t x = 0; x < to.columns; x++)
            store_some(values[y * 4 + x], to.output + y * conv.output_pitch.row + x * conv.output_pitch.pixel, count);
}

/// One channel block of one tile.
template <class T>
HWY_INLINE void finish_block(const WinogradConv& conv, const Clamp& clamp, const TilePlace& place, std::int64_t channel,
                             const float* from, std::int64_t point) {
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
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++) transform_output_axis(middle + y * 6, values + y * 4, 1);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) values[i] = hn::Add(values[i], shift);
    if (whole) return store_whole(conv, to, clamp, values);
    Vec copy[16];  // what an outside function may change cannot stay in registers before
    std::copy_n(values, 16, copy);
    store_any(conv, to, copy, count);
}

template <class T>
void transform_output_of(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block,
                         std::int64_t panel, std::int64_t begin, std::int64_t end) {
    const auto n = static_cast<std::int64_t>(lanes());
    const int vectors = plan.panel_vectors(panel, conv.out_channels);
    const std::int64_t point = plan.product_point(block.count);
    const Clamp clamp(conv.epilogue);
    TilePlace place(plan, block.first + begin);
    for (std::int64_t tile = begin; tile < end; tile++, place.advance(plan))
        for (int v = 0; v < vectors; v++)
            finish_block<T>(conv, clamp, place, panel * plan.panel_width + v * n,
                            block.product + (tile * vectors + v) * n, point);
}

void transform_output(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block,
                      std::int64_t panel, std::int64_t begin, std::int64_t end) {
    if (conv.type == DType::bf16)
        transform_output_of<Bf16Bits>(conv, plan, block, panel, begin, end);
    else
        transform_output_of<float>(conv, plan, block, panel, begin, end);
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backend/cpu/simd/target.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(transform_input);
HWY_EXPORT(multiply);
HWY_EXPORT(transform_output);

constexpr std::int64_t kCacheFloats = 640 * 1024 / 4;         // of a core's second-level cache
constexpr std::int64_t kSharedFloats = 12 * 1024 * 1024 / 4;  // of the last-level cache
constexpr std::int64_t kManyWeights = 4 * 1024 * 1024 / 4;    // costly for every thread to read
constexpr std::int64_t kManyTiles = 28;                       // reading the weights costs little from here on

WinogradPlan make_plan(const WinogradConv& conv, int threads, WinogradBlocking blocking) {
    WinogradPlan plan{};
    plan.lanes = target_lanes();
    plan.max_rows = target_tile_rows();
    for (int s = 0; s < 2; s++) plan.source_blocks[s] = base::ceil_div(conv.sources[s].channels, plan.lanes);
    plan.blocks = plan.source_blocks[0] + plan.source_blocks[1];
    plan.panel_width = 2 * plan.lanes;
    plan.panels = base::ceil_div(conv.out_channels, plan.panel_width);
    plan.tile_rows = base::ceil_div(conv.height, 4);
    plan.tile_columns = base::ceil_div(conv.width, 4);
    plan.tiles = conv.batch * plan.tile_rows * plan.tile_columns;
    plan.threads = threads;

    const std::int64_t per_tile = kWinogradPoints * (plan.depth() + plan.panel_width);
    const std::int64_t per_tile_shared = kWinogradPoints * (plan.depth() + plan.panels * plan.panel_width);
    const std::int64_t weights = kWinogradPoints * plan.depth() * conv.out_channels;
    plan.shared = blocking.mode == WinogradBlocking::Mode::shared_tiles ||
                  (blocking.mode == WinogradBlocking::Mode::automatic && threads > 1 && weights > kManyWeights &&
                   plan.tiles < threads * kManyTiles);
    const std::int64_t least = weights > kSharedFloats ? 2 * kManyTiles : kManyTiles;
    std::int64_t tiles = plan.shared ? kSharedFloats / per_tile_shared : kCacheFloats / per_tile;
    tiles = std::max(tiles, least) / plan.max_rows * plan.max_rows;
    if (blocking.tiles > 0) tiles = blocking.tiles;
    plan.block_tiles = std::min(tiles, plan.shared ? plan.tiles : base::ceil_div(plan.tiles, threads));
    return plan;
}

std::int64_t floats_per_part(const WinogradPlan& plan) {
    const std::int64_t products = plan.product_size() * (plan.shared ? plan.panels : 1);
    return base::round_up(plan.input_size() + products, 16);
}

/// Each thread takes its own blocks through all steps, one panel of output channels after the other.
void run_private(const WinogradConv& conv, const WinogradPlan& plan, float* workspace) {
    // As many blocks for every thread.
    const std::int64_t blocks = base::round_up(base::ceil_div(plan.tiles, plan.block_tiles), plan.threads);
    base::parallel_for(plan.threads, 1, [&](std::int64_t first_part, std::int64_t last_part) {
        for (std::int64_t part = first_part; part < last_part; part++) {
            float* scratch = workspace + part * floats_per_part(plan);
            for (std::int64_t i = blocks * part / plan.threads; i < blocks * (part + 1) / plan.threads; i++) {
                const std::int64_t begin = plan.tiles * i / blocks, end = plan.tiles * (i + 1) / blocks;
                if (begin == end) continue;
                const WinogradBlock block{begin, end - begin, scratch, scratch + plan.input_size()};
                HWY_DYNAMIC_DISPATCH(transform_input)(conv, plan, block, 0, block.count);
                for (std::int64_t panel = 0; panel < plan.panels; panel++) {
                    for (int point = 0; point < kWinogradPoints; point++)
                        HWY_DYNAMIC_DISPATCH(multiply)(conv, plan, block, panel, point);
                    HWY_DYNAMIC_DISPATCH(transform_output)(conv, plan, block, panel, 0, block.count);
                }
            }
        }
    });
}

/// All threads take one block through one step together.
void run_shared(const WinogradConv& conv, const WinogradPlan& plan, float* workspace) {
    const std::int64_t blocks = base::ceil_div(plan.tiles, plan.block_tiles);
    const bool weights_in_order = plan.input_size() < kCacheFloats;
    for (std::int64_t i = 0; i < blocks; i++) {
        const std::int64_t first = plan.tiles * i / blocks, count = plan.tiles * (i + 1) / blocks - first;
        const WinogradBlock block{first, count, workspace, workspace + plan.input_size()};
        const auto of_panel = [&](std::int64_t panel) {
            WinogradBlock b = block;
            b.product += panel * plan.product_size();
            return b;
        };
        base::parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
            HWY_DYNAMIC_DISPATCH(transform_input)(conv, plan, block, begin, end);
        });
        base::parallel_for(kWinogradPoints * plan.panels, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t item = begin; item < end; item++) {
                const std::int64_t panel = weights_in_order ? item / kWinogradPoints : item % plan.panels;
                const std::int64_t point = weights_in_order ? item % kWinogradPoints : item / plan.panels;
                HWY_DYNAMIC_DISPATCH(multiply)(conv, plan, of_panel(panel), panel, point);
            }
        });
        base::parallel_for(count * plan.panels, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t panel = begin / count; panel * count < end; panel++)
                HWY_DYNAMIC_DISPATCH(transform_output)
            (conv, plan, of_panel(panel), panel, std::max(begin - panel * count, std::int64_t{0}),
             std::min(end - panel * count, count));
        });
    }
}

}  // namespace

std::size_t winograd_workspace(const WinogradConv& conv, int threads, WinogradBlocking blocking) {
    const WinogradPlan plan = make_plan(conv, threads, blocking);
    return static_cast<std::size_t>(floats_per_part(plan) * (plan.shared ? 1 : threads)) * sizeof(float);
}

void winograd_conv(const WinogradConv& conv, void* workspace, int threads, WinogradBlocking blocking) noexcept {
    const WinogradPlan plan = make_plan(conv, threads, blocking);
    if (plan.shared)
        run_shared(conv, plan, static_cast<float*>(workspace));
    else
        run_private(conv, plan, static_cast<float*>(workspace));
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
