#include "backend/cpu/simd/tile_conv.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/simd/tile_conv.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>
#include <cstring>

#include "backend/cpu/simd/tile_conv_plan.hpp"
#include "backend/cpu/simd/tile_product-inl.hpp"
#include "backend/cpu/simd/tile_store-inl.hpp"
#include "base/checked.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {
namespace {

/// Output rows, or pixels of the only row, whose input is copied together.
struct TileStrip {
    std::int64_t image, row, rows, column, columns;
    std::int64_t padded_width;  ///< pixels from a row to the next, as they are counted
    [[nodiscard]] std::int64_t pixels() const { return (rows - 1) * padded_width + columns; }
};

/// All channels of one pixel, to blocks of 32; zeros behind the last channel.
HWY_INLINE void copy_pixel(const std::byte* from, std::int64_t channels, std::byte* to, std::int64_t block_bytes) {
    for (; channels >= kTileDepth; channels -= kTileDepth, from += 64, to += block_bytes) std::memcpy(to, from, 64);
    if (channels == 0) return;
    std::memset(to, 0, 64);
    if (channels >= 16) std::memcpy(to, from, 32), from += 32, to += 32, channels -= 16;
    if (channels > 0) std::memcpy(to, from, static_cast<std::size_t>(channels) * 2);
}

/// Copies a strip of one source. `columns`: byte offsets of the padded pixels of a row, phase after phase, or -1.
void copy_source(const TileConvPlan& plan, const PatchSource& source, const TileStrip& strip,
                 const std::int64_t* columns, std::byte* to) {
    const std::int64_t blocks = base::ceil_div(source.channels, kTileDepth), block_bytes = plan.block_bytes();
    for (std::int64_t phase = 0; phase < plan.phases_y * plan.phases_x; phase++) {
        std::byte* pixel = to + phase * plan.phase_bytes();
        const std::int64_t* column = columns + phase % plan.phases_x * plan.padded_width;
        for (std::int64_t y = strip.row; y < strip.row + strip.rows + plan.halo_rows; y++) {
            const std::int64_t padded = y * plan.conv.stride_y + phase / plan.phases_x;
            const std::int64_t row = source.rows ? source.rows[padded] : padded;
            const std::byte* from = static_cast<const std::byte*>(source.data) +
                                    2 * (strip.image * source.pitch.image + row * source.pitch.row);
            for (std::int64_t x = 0; x < plan.padded_width; x++, pixel += 64) {
                if ((row | column[x]) >= 0) {
                    copy_pixel(from + column[x], source.channels, pixel, block_bytes);
                } else {
                    for (std::int64_t block = 0; block < blocks; block++)
                        std::memset(pixel + block * block_bytes, 0, 64);
                }
            }
        }
    }
}

template <class T>
HWY_INLINE T* pixel_at(T* data, const Pitch& pitch, std::int64_t image, std::int64_t row, std::int64_t column) {
    return data + image * pitch.image + row * pitch.row + column * pitch.pixel;
}

/// The work of one thread.
template <class Tiles, class T>
class TileConvPart {
  public:
    TileConvPart(const TileConvPlan& plan, std::byte* memory)
        : plan_(plan),
          conv_(plan.conv),
          memory_(memory),
          pending_(plan.conv.epilogue),
          offsets_(reinterpret_cast<std::int64_t*>(memory + plan.offsets())),
          columns_(reinterpret_cast<std::int64_t*>(memory + plan.columns())) {
        for (std::int64_t block = 0, i = 0; block < plan.blocks; block++)
            for (int y = 0; y < conv_.kernel_height; y++)
                for (int x = 0; x < conv_.kernel_width; x++)
                    offsets_[i++] = plan.direct ? block * 64 : block * plan.block_bytes() + plan.tap_offset(y, x);
        for (int s = 0; s < 2 && !plan.direct; s++)
            for (std::int64_t i = 0; i < plan.phases_x * plan.padded_width; i++) {
                const PatchSource& source = conv_.sources[s];
                const std::int64_t padded = i % plan.padded_width * conv_.stride_x + i / plan.padded_width;
                const std::int64_t column = source.columns ? source.columns[padded] : padded;
                columns_[s * plan.phases_x * plan.padded_width + i] = column < 0 ? -1 : column * source.pitch.pixel * 2;
            }
    }

    /// Pixel units [begin, end) and panels [first, last).
    void run(std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last) {
        first_ = first, last_ = last;
        for (std::int64_t unit = begin; unit < end;) {
            TileStrip strip{};
            const std::int64_t strips = base::ceil_div(end - unit, plan_.strip_rows);
            std::int64_t count = base::ceil_div(end - unit, strips);
            if (plan_.direct) {
                strip = {0, 0, 1, unit, count, count};
                const PatchSource& source = conv_.sources[0];
                input_ = static_cast<const std::byte*>(source.data) + unit * source.pitch.pixel * 2;
                pixel_step_ = source.pitch.pixel * 2;
            } else {
                const std::int64_t row = unit % conv_.height;
                count = std::min(count, conv_.height - row);
                strip = {unit / conv_.height, row, count, 0, conv_.width, plan_.padded_width};
                copy_input(strip);
            }
            multiply(strip);
            unit += count;
        }
        pending_.finish_all();
    }

  private:
    void copy_input(const TileStrip& strip) {
        std::byte* to = memory_ + plan_.input();
        copy_source(plan_, conv_.sources[0], strip, columns_, to);
        if (plan_.source_blocks[1] > 0)
            copy_source(plan_, conv_.sources[1], strip, columns_ + plan_.phases_x * plan_.padded_width,
                        to + plan_.source_blocks[0] * plan_.block_bytes());
        input_ = to;
        pixel_step_ = 64;
    }

    void multiply(const TileStrip& strip) {
        const std::int64_t pixels = strip.pixels(), tiles = base::ceil_div(pixels, kTileRows);
        const std::int64_t rows = base::ceil_div(pixels, tiles), group = plan_.tile_rows;
        configure(static_cast<std::uint8_t>(rows));
        for (std::int64_t chunk = first_; chunk < last_; chunk += plan_.chunk_panels) {
            const std::int64_t end = std::min(chunk + plan_.chunk_panels, last_), groups = base::ceil_div(tiles, group);
            for (std::int64_t g = 0; g < groups; g++) {
                const std::int64_t tile = tiles * g / groups, count = tiles * (g + 1) / groups - tile;
                const std::int64_t width = group == 2 ? 2 : 1;
                for (std::int64_t panel = chunk; panel < end; panel += width) {
                    const std::int64_t columns = std::min(width, end - panel);
                    fetch_ahead(panel, columns, end, g, groups);
                    multiply_group(strip, tile, count, rows, panel, columns);
                }
            }
        }
    }

    /// The weights that come next: of the next chunk a part at a time, of this one during its first group.
    void fetch_ahead(std::int64_t panel, std::int64_t columns, std::int64_t end, std::int64_t g, std::int64_t groups) {
        product_.ahead_step = 0;
        const std::byte* weights = static_cast<const std::byte*>(conv_.weights);
        const std::int64_t bytes = columns * kTileBytes;
        if (end < last_) {
            if (panel + plan_.chunk_panels >= last_) return;
            product_.ahead_step = base::round_up(bytes / groups, 64);
            product_.ahead =
                weights + (panel + plan_.chunk_panels) * plan_.panel_bytes() + g * product_.ahead_step * plan_.steps();
        } else if (g == 0 && panel + columns < last_) {
            product_.ahead_step = bytes;
            product_.ahead = weights + (panel + columns) * plan_.panel_bytes();
        }
    }

    static void configure(std::uint8_t rows) {
        TileShapes shapes;
        for (const int tile : {0, 1, 2, 3, 6, 7}) shapes.rows[tile] = rows;
        Tiles::configure(shapes);
    }

    void multiply_group(const TileStrip& strip, std::int64_t tile, std::int64_t count, std::int64_t rows,
                        std::int64_t panel, std::int64_t columns) {
        // The last tile of a strip ends where the strip ends, and so may compute some pixels a second time.
        const auto first_pixel = [&](std::int64_t i) { return std::min((tile + i) * rows, strip.pixels() - rows); };
        product_.offsets = offsets_;
        product_.steps = plan_.steps();
        for (std::int64_t i = 0; i < count; i++) product_.left[i] = input_ + first_pixel(i) * pixel_step_;
        product_.left_step = pixel_step_;
        product_.right = static_cast<const std::byte*>(conv_.weights) + panel * plan_.panel_bytes();
        product_.right_step = plan_.panel_bytes();
        float* sums = reinterpret_cast<float*>(memory_ + plan_.sums()) + 1024 * turn_;
        turn_ ^= 1;
        product_.sums = sums;
        const int portion = pending_.portion(plan_.steps());
        multiply_tiles<Tiles>(product_, count, columns, [this, portion]() HWY_ATTR { pending_.finish(portion); });
        pending_.start(panel * 16, std::min<std::int64_t>(columns * 16, conv_.out_channels - panel * 16));
        for (std::int64_t i = 0; i < count; i++)
            defer(strip, first_pixel(i), rows, panel * 16, columns * 16, sums + i * 256 * columns);
    }

    /// Lists one tile's pixels, `pitch` sums each; those between the rows are dropped.
    void defer(const TileStrip& strip, std::int64_t pixel, std::int64_t rows, std::int64_t channel, std::int64_t pitch,
               const float* sums) {
        const Epilogue& e = conv_.epilogue;
        std::int64_t row = pixel / strip.padded_width, column = pixel % strip.padded_width;
        for (std::int64_t i = 0; i < rows; row++, column = 0) {
            const std::int64_t end = std::min(i + strip.padded_width - column, rows);
            const std::int64_t y = strip.row + row, x = strip.column + column;
            T* output = pixel_at(static_cast<T*>(conv_.output), conv_.output_pitch, strip.image, y, x) + channel;
            const auto* residual = static_cast<const T*>(e.residual);
            if (residual) residual = pixel_at(residual, e.residual_pitch, strip.image, y, x) + channel;
            for (std::int64_t left = strip.columns - column; i < end; i++, left--) {
                if (left <= 0) continue;
                pending_.add(sums + i * pitch, output, residual);
                output += conv_.output_pitch.pixel;
                if (residual) residual += e.residual_pitch.pixel;
            }
        }
    }

    const TileConvPlan& plan_;
    const TileConv& conv_;
    std::byte* memory_;
    PendingPixels<T> pending_;
    int turn_ = 0;  ///< of two buffers of sums
    std::int64_t *offsets_, *columns_;
    std::int64_t first_ = 0, last_ = 0;
    const std::byte* input_ = nullptr;
    std::int64_t pixel_step_ = 64;
    TileProduct product_{};
};

void run_part(const TileConvPlan& plan, std::int64_t part, void* memory) {
    const std::int64_t units = plan.pixel_units(), across = part % plan.pixel_parts, down = part / plan.pixel_parts;
    with_tiles([&]<class Tiles>(Tiles) {
        const auto run = [&]<class T>(T) {
            TileConvPart<Tiles, T> part_of(plan, static_cast<std::byte*>(memory));
            part_of.run(units * across / plan.pixel_parts, units * (across + 1) / plan.pixel_parts,
                        plan.panels * down / plan.channel_parts, plan.panels * (down + 1) / plan.channel_parts);
        };
        plan.conv.type == DType::bf16 ? run(Bf16Bits()) : run(float());
        Tiles::release();
    });
}

}  // namespace
}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

HWY_EXPORT(run_part);

}  // namespace

std::size_t tile_conv_workspace(const TileConv& conv, int threads, TileBlocking blocking) {
    return static_cast<std::size_t>(TileConvPlan(conv, threads, blocking).bytes() * threads);
}

void tile_conv(const TileConv& conv, void* workspace, int threads, TileBlocking blocking) noexcept {
    const TileConvPlan plan(conv, threads, blocking);
    base::parallel_for(threads, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t part = first; part < last; part++) {
            if (part >= plan.pixel_parts * plan.channel_parts) continue;
            HWY_DYNAMIC_DISPATCH(run_part)(plan, part, static_cast<std::byte*>(workspace) + part * plan.bytes());
        }
    });
}

}  // namespace fovea::backend::cpu::simd
#endif  // HWY_ONCE
