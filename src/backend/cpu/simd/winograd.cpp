#include "backend/cpu/simd/winograd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/winograd.cpp"
#include "hwy/foreach_target.h"

#include "backend/cpu/simd/product-inl.hpp"
#include "backend/cpu/simd/winograd_input-inl.hpp"
#include "backend/cpu/simd/winograd_output-inl.hpp"
#include "backend/cpu/simd/winograd_plan.hpp"
#include "backend/cpu/simd/word_product-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

template <class Input>
void transform_input_to(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block,
                        std::int64_t begin, std::int64_t end) {
    with_storage(conv.type, [&]<class T>() HWY_ATTR { transform_tiles<Input, T>(conv, plan, block, begin, end); });
}

void transform_input(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block, std::int64_t begin,
                     std::int64_t end) {
    if (conv.multiply == DType::i16)
        transform_input_to<WordInput>(conv, plan, block, begin, end);
    else
        transform_input_to<FloatInput>(conv, plan, block, begin, end);
}

/// Where the products of one group of tiles with one panel's weights are.
struct GroupProduct {
    const float *input, *weights, *scales;
    std::int64_t rows, width;
    float* product;
};

/// In i16: sums of one chunk of channels are exact in i32, those of the chunks are added up in f32.
void multiply_words(const WinogradConv& conv, GroupProduct group) {
    const auto n = static_cast<std::int64_t>(lanes());
    const int rows = static_cast<int>(group.rows), vectors = static_cast<int>(group.width / n);
    bool first = true;
    for (const PatchSource& source : conv.sources)
        for (std::int64_t channel = 0; channel < source.channels; channel += kWordChunk, first = false) {
            const std::int64_t left = std::min<std::int64_t>(source.channels - channel, kWordChunk);
            word_product_of(rows, vectors, first)(group.input, group.weights,
                                                  static_cast<std::size_t>(base::ceil_div(left, n) * n / 2),
                                                  group.scales, group.product, static_cast<std::size_t>(group.width));
            const std::int64_t units = base::ceil_div(left, 2 * n) * n;
            group.input += units * group.rows, group.weights += units * group.width, group.scales += group.rows;
        }
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
        if (conv.multiply == DType::i16)
            multiply_words(conv, {a + tile * plan.depth(), weights, block.scales + tile * plan.chunks(), count, width,
                                  c + tile * width});
        else
            tile_product_of<SingleUnits>(static_cast<int>(count), vectors)(
                a + tile * plan.depth(), weights, static_cast<std::size_t>(plan.blocks), c + tile * width,
                static_cast<std::size_t>(width), lanes());
    }
}

void transform_output(const WinogradConv& conv, const WinogradPlan& plan, const WinogradBlock& block,
                      std::int64_t panel, std::int64_t begin, std::int64_t end) {
    with_storage(conv.output_type, [&]<class T>() HWY_ATTR { finish_tiles<T>(conv, plan, block, panel, begin, end); });
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
    WinogradPlan plan = weight_plan(conv);
    plan.max_rows = target_tile_rows();
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
    return base::round_up(plan.input_size() + products + plan.block_tiles * plan.chunks(), 16);
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
                const WinogradBlock block{begin, end - begin, scratch, scratch + plan.input_size(),
                                          scratch + floats_per_part(plan) - plan.block_tiles * plan.chunks()};
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
        const WinogradBlock block{first, count, workspace, workspace + plan.input_size(),
                                  workspace + floats_per_part(plan) - plan.block_tiles * plan.chunks()};
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
