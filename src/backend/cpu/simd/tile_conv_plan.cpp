#include "backend/cpu/simd/tile_conv_plan.hpp"

#include <algorithm>
#include <cstring>

#include "backend/cpu/simd/pack.hpp"
#include "base/checked.hpp"

namespace fovea::backend::cpu::simd {
namespace {

constexpr std::int64_t kStripBytes = 768 * 1024;  // of a core's second-level cache, for the input
constexpr std::int64_t kChunkBytes = 512 * 1024;  // and for weights
constexpr std::int64_t kManySteps = 64;           // of 32 channels and one tap
constexpr std::int64_t kStepCycles = 16;          // of one product of tiles
constexpr std::int64_t kBytesPerCycle = 4;        // from the last-level cache

bool dense(const Pitch& pitch, const TileConv& c) {
    return pitch.row == c.width * pitch.pixel && (c.batch == 1 || pitch.image == c.height * pitch.row);
}

bool reads_in_place(const TileConv& c) {
    return c.kernel_height * c.kernel_width * c.stride_y * c.stride_x == 1 && !c.sources[0].rows &&
           c.sources[1].channels == 0 && c.sources[0].channels % kTileDepth == 0 && dense(c.sources[0].pitch, c) &&
           dense(c.output_pitch, c) && (!c.epilogue.residual || dense(c.epilogue.residual_pitch, c));
}

/// Phases of one axis: remainders of the taps' distances to the stride.
std::int64_t phases(int kernel, int stride, int dilation) {
    std::int64_t most = 0;
    for (int tap = 0; tap < kernel; tap++) most = std::max<std::int64_t>(most, tap * dilation % stride);
    return most + 1;
}

}  // namespace

TileConvPlan::TileConvPlan(const TileConv& c, int threads, const TileBlocking& blocking) : conv(c) {
    direct = blocking.copies != 2 && reads_in_place(c);
    if (direct) conv.width *= conv.batch * conv.height, conv.batch = conv.height = 1;
    for (int s = 0; s < 2; s++) source_blocks[s] = base::ceil_div(c.sources[s].channels, kTileDepth);
    blocks = source_blocks[0] + source_blocks[1];
    taps = std::int64_t{c.kernel_height} * c.kernel_width;
    panels = base::ceil_div(c.out_channels, 16);
    halo_rows = (c.kernel_height - 1) * c.dilation_y / c.stride_y;
    padded_width = conv.width + (c.kernel_width - 1) * c.dilation_x / c.stride_x;
    phases_y = phases(c.kernel_height, c.stride_y, c.dilation_y);
    phases_x = phases(c.kernel_width, c.stride_x, c.dilation_x);
    tile_rows = blocking.rows ? blocking.rows : panels == 1 ? 4 : 2;
    // With many taps, pixels stay in the first-level cache from tap to tap, not from panel to panel.
    const std::int64_t fitting_panels = taps > 1 && steps() >= kManySteps ? 2 : kChunkBytes / panel_bytes();
    chunk_panels = blocking.panels ? blocking.panels : std::max<std::int64_t>(fitting_panels, 2);

    // Bytes that a pixel unit reads, and the time of a part: its products, and what it reads from beyond its own cache.
    const std::int64_t unit_bytes = direct ? blocks * 64 : blocks * phases_y * phases_x * padded_width * 64,
                       units = pixel_units();
    const std::int64_t unit_pixels = direct ? 1 : padded_width;
    const auto time = [&](std::int64_t parts) {
        const std::int64_t own_units = base::ceil_div(units, threads / parts),
                           own_panels = base::ceil_div(panels, parts);
        return base::ceil_div(own_units * unit_pixels, kTileRows) * own_panels * steps() * kStepCycles +
               (own_units * unit_bytes + own_panels * panel_bytes()) / kBytesPerCycle;
    };
    for (std::int64_t parts = 2; parts <= threads; parts++)
        if (threads % parts == 0 && time(parts) < time(channel_parts)) channel_parts = parts;
    if (blocking.channel_parts) channel_parts = blocking.channel_parts;
    pixel_parts = threads / channel_parts;

    const std::int64_t own = base::ceil_div(units, pixel_parts);
    const std::int64_t fitting = (blocking.strip_bytes ? blocking.strip_bytes : kStripBytes) / unit_bytes - halo_rows;
    strip_rows = std::max(fitting, base::ceil_div(4 * kTileRows, unit_pixels));
    strip_rows = std::min({strip_rows, own, direct ? units : std::int64_t{conv.height}});
    strip_rows = base::ceil_div(own, base::ceil_div(own, strip_rows));
}

std::int64_t TileConvPlan::input() const {
    return base::round_up(columns() + (direct ? 0 : 2 * phases_x * padded_width * 8), 64);
}

std::int64_t TileConvPlan::bytes() const {
    return base::round_up(input() + (direct ? 0 : blocks * block_bytes()), 128);
}

int tile_conv_table_size(int size, int kernel, int stride, int dilation) {
    return stride * (size + (kernel - 1) * dilation / stride);
}

std::size_t tile_conv_packed_size(const TileConv& conv) {
    const TileConvPlan plan(conv, 1, {});
    return static_cast<std::size_t>(plan.panels * plan.panel_bytes());
}

void tile_conv_pack(const TileConv& conv, const float* filters, void* packed) {
    const TileConvPlan plan(conv, 1, {});
    std::memset(packed, 0, tile_conv_packed_size(conv));
    auto* to = static_cast<std::uint16_t*>(packed);
    const std::int64_t channels = conv.sources[0].channels + conv.sources[1].channels;
    for (std::int64_t k = 0; k < conv.out_channels; k++)
        for (std::int64_t c = 0; c < channels; c++) {
            // The second source starts a block of its own.
            const std::int64_t second = c < conv.sources[0].channels ? 0 : 1;
            const std::int64_t i = second ? c - conv.sources[0].channels + plan.source_blocks[0] * kTileDepth : c;
            for (std::int64_t tap = 0; tap < plan.taps; tap++) {
                const std::int64_t tile = (k / 16 * plan.blocks + i / kTileDepth) * plan.taps + tap;
                to[tile * 512 + i % kTileDepth / 2 * 32 + k % 16 * 2 + i % 2] = static_cast<std::uint16_t>(
                    base::encode_float(filters[(k * channels + c) * plan.taps + tap], DType::bf16));
            }
        }
}

}  // namespace fovea::backend::cpu::simd
