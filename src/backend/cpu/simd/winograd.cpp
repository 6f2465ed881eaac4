#include "backend/cpu/simd/winograd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/winograd.cpp"
#include "hwy/foreach_target.h"

#include "backend/cpu/simd/activation-inl.hpp"
#include "backend/cpu/simd/product-inl.hpp"
#include "backend/cpu/simd/winograd_plan.hpp"
#include "backend/cpu/simd/winograd_transform-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// Where tile `index` of the batch lies.
struct TilePlace {
    std::int64_t image, row, column;
    TilePlace(const WinogradPlan& plan, std::int64_t index)
        : image(index / (plan.tile_rows * plan.tile_columns)),
          row(index / plan.tile_columns % plan.tile_rows * 4),
          column(index % plan.tile_columns * 4) {}
};

alignas(64) constexpr float kZeros[lanes()] = {};

/// Transforms channels [0, source.channels) of one 6x6 patch. `to` receives channel block after channel block,
/// `block_step` apart, with points `point_step` apart.
template <class T>
HWY_INLINE void transform_patch(const PatchSource& source, const TilePlace& place, float* to, std::int64_t block_step,
                                std::int64_t point_step) {
    const T* base = static_cast<const T*>(source.data) + place.image * source.pitch.image;
    const T* zeros = reinterpret_cast<const T*>(kZeros);
    const T* pixels[kWinogradPoints];
    std::int64_t steps[kWinogradPoints];
    for (int y = 0; y < 6; y++) {
        const std::int64_t row = source.rows[place.row + y];
        for (int x = 0; x < 6; x++) {
            const std::int64_t column = source.columns[place.column + x];
            const bool inside = (row | column) >= 0;
            pixels[y * 6 + x] = inside ? base + row * source.pitch.row + column * source.pitch.pixel : zeros;
            steps[y * 6 + x] = inside ? static_cast<std::int64_t>(lanes()) : 0;
        }
    }
    const F32 d;
    Vec column[6], middle[36], result[6];
    for (int channel = 0; channel < source.channels; channel += static_cast<int>(lanes()), to += block_step) {
        const std::size_t count = static_cast<std::size_t>(source.channels - channel);
        for (int x = 0; x < 6; x++) {
            for (int y = 0; y < 6; y++) {
                column[y] = load_some(pixels[y * 6 + x], count);
                pixels[y * 6 + x] += steps[y * 6 + x];
            }
            transform_input_axis(column, middle + x, 6);
        }
        for (int y = 0; y < 6; y++) {
            transform_input_axis(middle + y * 6, result, 1);
            for (int x = 0; x < 6; x++) hn::Store(result[x], d, to + (y * 6 + x) * point_step);
        }
    }
}

template <class T>
void transform_input_of(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block,
                        std::int64_t begin, std::int64_t end) {
    const std::int64_t n = lanes(), rows = plan.group_rows(block.count), point = plan.input_point(block.count);
    for (std::int64_t tile = begin; tile < end; tile++) {
        const TilePlace place(plan, block.first + tile);
        const std::int64_t group = tile / rows;
        const std::int64_t group_size = std::min(rows, block.count - group * rows);
        float* to = block.input + group * rows * plan.depth() + (tile - group * rows) * n;
        for (int s = 0; s < 2; s++) {
            if (conv.sources[s].channels == 0) continue;
            transform_patch<T>(conv.sources[s], place, to, group_size * n, point);
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

template <class T>
HWY_INLINE void store_tile(const WinogradConv& conv, const TilePlace& place, std::int64_t channel, Vec* values) {
    const std::size_t count = static_cast<std::size_t>(conv.out_channels - channel);
    const std::int64_t rows = std::min<std::int64_t>(4, conv.height - place.row);
    const std::int64_t columns = std::min<std::int64_t>(4, conv.width - place.column);
    const Epilogue& e = conv.epilogue;
    if (e.residual) {
        const T* residual = static_cast<const T*>(e.residual) + place.image * e.residual_pitch.image +
                            place.row * e.residual_pitch.row + place.column * e.residual_pitch.pixel + channel;
        for (std::int64_t y = 0; y < rows; y++)
            for (std::int64_t x = 0; x < columns; x++) {
                const T* at = residual + y * e.residual_pitch.row + x * e.residual_pitch.pixel;
                values[y * 4 + x] = hn::Add(values[y * 4 + x], load_some(at, count));
            }
    }
    activate(e.activation, e.alpha, e.beta, values, 16);
    T* output = static_cast<T*>(conv.output) + place.image * conv.output_pitch.image +
                place.row * conv.output_pitch.row + place.column * conv.output_pitch.pixel + channel;
    for (std::int64_t y = 0; y < rows; y++)
        for (std::int64_t x = 0; x < columns; x++)
            store_some(values[y * 4 + x], output + y * conv.output_pitch.row + x * conv.output_pitch.pixel, count);
}

template <class T>
void transform_output_of(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block,
                         std::int64_t panel, std::int64_t begin, std::int64_t end) {
    const F32 d;
    const int vectors = plan.panel_vectors(panel, conv.out_channels);
    const std::int64_t width = vectors * static_cast<std::int64_t>(lanes()), point = plan.product_point(block.count);
    for (std::int64_t tile = begin; tile < end; tile++) {
        const TilePlace place(plan, block.first + tile);
        for (int v = 0; v < vectors; v++) {
            const std::int64_t channel = panel * plan.panel_width + v * static_cast<std::int64_t>(lanes());
            const float* from = block.product + tile * width + v * static_cast<std::int64_t>(lanes());
            Vec column[6], middle[24], values[16];
            for (int x = 0; x < 6; x++) {
                for (int y = 0; y < 6; y++) column[y] = hn::LoadU(d, from + (y * 6 + x) * point);
                transform_output_axis(column, middle + x, 6);
            }
            const float* bias = conv.epilogue.bias;
            const Vec shift =
                bias ? load_some(bias + channel, static_cast<std::size_t>(conv.out_channels - channel)) : hn::Zero(d);
            for (int y = 0; y < 4; y++) transform_output_axis(middle + y * 6, values + y * 4, 1);
            for (Vec& value : values) value = hn::Add(value, shift);
            store_tile<T>(conv, place, channel, values);
        }
    }
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
                  (blocking.mode == WinogradBlocking::Mode::automatic && threads > 1 && weights > kCacheFloats &&
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
    const std::int64_t blocks = base::ceil_div(plan.tiles, plan.block_tiles);
    base::parallel_for(plan.threads, 1, [&](std::int64_t first_part, std::int64_t last_part) {
        for (std::int64_t part = first_part; part < last_part; part++) {
            float* scratch = workspace + part * floats_per_part(plan);
            for (std::int64_t i = blocks * part / plan.threads; i < blocks * (part + 1) / plan.threads; i++) {
                const std::int64_t begin = plan.tiles * i / blocks, end = plan.tiles * (i + 1) / blocks;
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
