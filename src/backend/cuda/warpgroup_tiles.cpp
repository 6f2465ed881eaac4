#include "backend/cuda/warpgroup_tiles.hpp"
#include "base/checked.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

constexpr std::size_t kMostCandidates = 7;
constexpr int kSharedPerProcessor = 227 * 1024;

std::int64_t patch_bytes(const WarpgroupTile& tile, const Part& part) {
    return base::ceil_div(tile.rows() / tile.part_rows * part.slots * tile.depth_bytes, 1024) * 1024;
}

std::int64_t channel_bytes(const MmaProblem& problem) {
    return problem.channels() * static_cast<std::int64_t>(element_bytes(problem.type));
}

/// Columns of sums that the template's warps sort at once.
int line_columns(int columns) {
    for (int line = 64; line > 8; line -= 8)
        if (columns % line == 0) return line;
    return 8;
}

/// Widths of tiles worth trying: powers of two, and those that leave fewer columns unused than the wide ones of these.
std::vector<int> widths(std::int64_t outputs) {
    std::vector<int> result = {8, 16, 32, 64, 128, 256};
    const std::int64_t used = base::ceil_div(outputs, 64) * 64;
    for (std::int64_t count = 1; count <= 4; ++count) {
        const std::int64_t columns = base::ceil_div(base::ceil_div(outputs, count), 8) * 8;
        if (columns > 32 && columns <= 256 && columns * count < used && line_columns(static_cast<int>(columns)) >= 24)
            result.push_back(static_cast<int>(columns));
    }
    return result;
}

/// Whether the sources are enlarged differently.
bool apart(const MmaProblem& problem) { return problem.sources[0].upsample != problem.sources.back().upsample; }

/// Blocks that fit a processor by their registers.
std::int64_t most_resident(const WarpgroupTile& tile) {
    const int sums = tile.blocks * tile.columns / 2, registers = sums + (sums <= 32 ? 40 : 56);
    return std::clamp(65536 / (base::ceil_div(registers, 8) * 8 * tile.threads()), std::int64_t{1}, std::int64_t{4});
}

}  // namespace

Geometry::Geometry(const MmaProblem& p)
    : batch(p.batch),
      height(p.output_height),
      width(p.output_width),
      halo_y((p.taps_y - 1) * p.dilation_y / p.stride_y),
      halo_x((p.taps_x - 1) * p.dilation_x / p.stride_x),
      planes((p.taps_y > 1 ? p.stride_y : 1) * (p.taps_x > 1 ? p.stride_x : 1)),
      flat(p.taps_y * p.taps_x == 1 && p.stride_y == 1 && p.stride_x == 1 && p.pad_y == 0 && p.pad_x == 0 &&
           p.height == p.output_height && p.width == p.output_width && p.phases() == 1 &&
           std::all_of(p.sources.begin(), p.sources.end(), [](const auto& s) { return s.upsample == 1; })) {
    if (!flat) return;
    width *= batch * height;
    batch = height = 1;
}

Part::Part(const Geometry& g, const WarpgroupTile& tile) {
    const bool strips = tile.row_pitch == tile.slot_pitch;
    columns = strips ? tile.slot_pitch - g.halo_x : tile.row_pitch;
    rows = tile.part_rows / tile.row_pitch;
    const std::int64_t last = tile.part_rows - 1, plane = tile.slot_pitch * (rows + g.halo_y);
    const std::int64_t read =
        last / tile.row_pitch * tile.slot_pitch + last % tile.row_pitch + g.halo_y * tile.slot_pitch + g.halo_x + 1;
    slots = base::ceil_div((g.planes - 1) * plane + std::max(plane, read), 8) * 8;
    across = base::ceil_div(g.width, columns);
    down = base::ceil_div(g.height, rows);
}

bool suits_warpgroups(const Target& target, const MmaProblem& problem) {
    if (target.device->facts().compute_capability != 90 || problem.piece() != 16) return false;
    return element_bytes(problem.type) == 2 || rounds_to_tf32(target, problem);
}

std::int64_t warpgroup_steps(const MmaProblem& problem, const WarpgroupTile& tile) {
    return base::ceil_div(channel_bytes(problem), tile.depth_bytes) * problem.taps_y * problem.taps_x;
}

std::int64_t row_tiles(const Geometry& g, const WarpgroupTile& tile) {
    const Part part(g, tile);
    return base::ceil_div(g.batch * part.across * part.down * tile.part_rows, tile.rows());
}

std::size_t shared_bytes(const MmaProblem& problem, const WarpgroupTile& tile) {
    const Part part(Geometry(problem), tile);
    const std::int64_t pipeline = tile.patches * (patch_bytes(tile, part) + 16) +
                                  tile.stages * (tile.columns * tile.depth_bytes + 16) +
                                  tile.rows() / tile.part_rows * part.slots * (apart(problem) ? 8 : 4);
    const std::int64_t line = line_columns(tile.columns) + 8;
    if (tile.split == 1) return static_cast<std::size_t>(pipeline + tile.groups * 64 * line * 4);
    const std::int64_t sums = tile.rows() * (tile.columns + 8) * 4;
    return static_cast<std::size_t>(std::max(pipeline, sums));
}

std::int64_t resident_blocks(const MmaProblem& problem, const WarpgroupTile& tile) {
    return std::clamp<std::int64_t>(kSharedPerProcessor / static_cast<std::int64_t>(shared_bytes(problem, tile) + 1024),
                                    1, most_resident(tile));
}

std::int64_t blocks_across(const Target& target, const MmaProblem& problem, const WarpgroupTile& tile) {
    const std::int64_t tiles = row_tiles(Geometry(problem), tile);
    if (tile.split > 1) return tiles;
    const std::int64_t at_once = target.device->facts().multiprocessors * resident_blocks(problem, tile);
    const std::int64_t most = std::max<std::int64_t>(1, at_once / base::ceil_div(problem.outputs, tile.columns));
    return base::ceil_div(tiles, base::ceil_div(tiles, most));
}

namespace {

/// Sets how parts lie in the image: blocks of 8 pixels' width, or strips whose rows follow each other with their halo.
/// False where there is no such part.
bool shape_parts(const Geometry& g, WarpgroupTile& tile) {
    if (g.flat) {
        tile.part_rows = tile.row_pitch = tile.slot_pitch = tile.rows();
        return true;
    }
    double best = 0;
    WarpgroupTile chosen = tile;
    for (int rows = 64; rows <= tile.rows(); rows *= 2)
        for (const std::int64_t pitch :
             {std::int64_t{0}, g.width + g.halo_x, std::int64_t{16}, std::int64_t{32}, std::int64_t{64}}) {
            if (pitch != 0 && (pitch <= g.halo_x || pitch > rows)) continue;
            WarpgroupTile one = tile;
            one.part_rows = rows;
            one.row_pitch = pitch == 0 ? 8 : static_cast<int>(pitch);
            one.slot_pitch = static_cast<int>(pitch == 0 ? 8 + g.halo_x : pitch);
            const Part part(g, one);
            const std::int64_t count = base::ceil_div(g.batch * part.across * part.down * rows, one.rows());
            const double used =
                static_cast<double>(g.batch * g.height * g.width) / static_cast<double>(count * one.rows());
            const double value = used / (1 + 0.1 * static_cast<double>(part.slots) / rows);
            if (value > best) {
                best = value;
                chosen = one;
            }
        }
    tile = chosen;
    return best > 0;
}

/// Sets what is in flight in a block with so much memory, whose tiles read `chunks` patches; false where it is too
/// little.
bool fill_memory(const MmaProblem& problem, std::int64_t memory, std::int64_t steps, std::int64_t chunks,
                 WarpgroupTile& tile) {
    const std::int64_t taps = problem.taps_y * problem.taps_x;
    const std::int64_t patch = patch_bytes(tile, Part(Geometry(problem), tile)) + 16;
    const std::int64_t stage = tile.columns * tile.depth_bytes + 16;
    tile.patches = tile.stages = 0;
    const std::int64_t left = memory - static_cast<std::int64_t>(tile.split == 1 ? shared_bytes(problem, tile) : 0);
    // Of f32, one more is on its way while loaded ones are rounded.
    const std::int64_t most = problem.type == DType::f32 ? 3 : 2;
    // What a step has read is given back after the next one has begun.
    const std::int64_t fewest = std::min<std::int64_t>(chunks, 2);
    std::int64_t stages = std::min<std::int64_t>(steps, 40), patches = (left - stages * stage) / patch;
    if (patches < fewest) {  // not all weights
        const std::int64_t held = (left - most * patch) / stage >= taps ? most : 2;
        patches = std::min<std::int64_t>(chunks, taps == 1 ? left / (patch + stage) : held);
        stages = std::min<std::int64_t>(stages, (left - patches * patch) / stage);
    }
    tile.patches = static_cast<int>(std::min<std::int64_t>({patches, chunks, taps == 1 ? 6 : most}));
    tile.stages = static_cast<int>(stages);
    return tile.patches >= fewest && tile.stages >= std::min<std::int64_t>(steps, 3) &&
           shared_bytes(problem, tile) <= static_cast<std::size_t>(memory);
}

/// The same for as many blocks on a processor, which has `each` tiles to compute, as fit; rather for two that keep all
/// weights than for more. A block of several tiles loads the next one's patch meanwhile.
bool fill_processor(const MmaProblem& problem, std::int64_t each, WarpgroupTile& tile) {
    const std::int64_t steps = base::ceil_div(warpgroup_steps(problem, tile), tile.split);
    const std::int64_t taps = problem.taps_y * problem.taps_x;
    const bool aligned = steps % taps == 0 && warpgroup_steps(problem, tile) % tile.split == 0;
    const std::int64_t chunks = taps == 1 || aligned ? steps / taps : (steps - 1 + taps - 1) / taps + 1;
    std::optional<WarpgroupTile> found;
    for (std::int64_t resident = std::min(each, most_resident(tile)); resident >= 1; --resident) {
        WarpgroupTile one = tile;
        const bool several = each > resident;
        if (!fill_memory(problem, kSharedPerProcessor / resident - 1024, steps, several ? 2 * chunks : chunks, one))
            continue;
        if (!found || (several && resident > 1 && one.stages >= steps)) found = one;
        if (!several || one.stages >= steps) break;
    }
    if (found) tile = *found;
    return found.has_value();
}

/// Rough time in a processor's clocks; only the order counts.
double estimate(const Target& target, const MmaProblem& problem, const WarpgroupTile& tile) {
    const double processors = target.device->facts().multiprocessors;
    const Geometry geometry(problem);
    const Part part(geometry, tile);
    const auto steps = static_cast<double>(base::ceil_div(warpgroup_steps(problem, tile), tile.split));
    const double taps = static_cast<double>(problem.taps_y * problem.taps_x), chunks = std::ceil(steps / taps);
    const double blocks =
        static_cast<double>(row_tiles(geometry, tile) * base::ceil_div(problem.outputs, tile.columns) * tile.split);
    const double multiply = steps * tile.groups * tile.blocks * (tile.depth_bytes / 32) *
                            std::max(tile.columns / 2.0, 16 + tile.columns / 4.0);
    const double finish =
        tile.split > 1 ? 1500 + tile.rows() * tile.columns / 2.5 : 400 + tile.rows() * tile.columns / 8.0;
    const double weights = steps * tile.columns * tile.depth_bytes;
    const bool keep = tile.split == 1 && tile.stages >= steps;
    const double bytes = chunks * static_cast<double>(patch_bytes(tile, part)) + (keep ? 0 : weights);
    const double rate = std::min(45.0, 25.0 * processors / std::min(blocks, processors));
    const auto resident = static_cast<double>(resident_blocks(problem, tile));
    const double rounds = std::ceil(blocks / (processors * resident));
    const double beside = std::min(resident, std::ceil(blocks / processors));  // blocks that share a processor
    const double one = std::max({beside * multiply, beside * bytes / rate, multiply + finish});
    return 1500 + (keep ? weights * beside / rate : 0) + rounds * one + finish +
           (rounds == 1 ? std::min(multiply, bytes / rate) / 2 : 0) + (tile.split > 1 ? (beside - 1) * finish : 0);
}

/// Bytes of channels per step that leave the fewest unused; half as many where patches are large.
int depth_bytes_of(const MmaProblem& problem) {
    int best = Geometry(problem).planes > 1 ? 64 : 128;
    for (const int bytes : {64, 32})
        if (base::ceil_div(channel_bytes(problem), bytes) * bytes < base::ceil_div(channel_bytes(problem), best) * best)
            best = bytes;
    return best;
}

}  // namespace

std::string WarpgroupTile::name() const {
    char text[96];
    std::snprintf(text, sizeof text, "%dx%d:%dx%d:%db%d/%d:%d:%d/%d:s%d%s", rows(), columns, groups, blocks,
                  depth_bytes, patches, stages, part_rows, row_pitch, slot_pitch, split, repeats ? "r" : "");
    return text;
}

WarpgroupTile warpgroup_tile(const std::string& name) {
    WarpgroupTile t{};
    int rows = 0;
    std::sscanf(name.c_str(), "%dx%d:%dx%d:%db%d/%d:%d:%d/%d:s%d", &rows, &t.columns, &t.groups, &t.blocks,
                &t.depth_bytes, &t.patches, &t.stages, &t.part_rows, &t.row_pitch, &t.slot_pitch, &t.split);
    t.repeats = name.ends_with('r');
    if (t.name() != name || rows <= 0 || t.part_rows <= 0 || t.row_pitch <= 0)
        throw Error(ErrorCode::unsupported, "there is no tile \"" + name + "\"; build the plan again");
    return t;
}

std::vector<WarpgroupTile> warpgroup_tiles(const Target& target, const MmaProblem& problem) {
    if (!suits_warpgroups(target, problem)) return {};
    const Geometry geometry(problem);
    std::vector<std::pair<double, WarpgroupTile>> ranked;
    for (const auto& [groups, blocks] : {std::pair{1, 1}, {1, 2}, {2, 1}, {2, 2}})
        for (const int columns : widths(problem.outputs)) {
            if (columns >= 2 * std::max<std::int64_t>(problem.outputs, 8) || blocks * columns > 256) continue;
            WarpgroupTile tile{groups, blocks, columns};
            tile.depth_bytes = depth_bytes_of(problem);
            if (!shape_parts(geometry, tile)) continue;
            const std::int64_t tiles = row_tiles(geometry, tile) * base::ceil_div(problem.outputs, columns);
            const std::int64_t processors = target.device->facts().multiprocessors;
            for (const int split : {1, 2, 4, 8}) {
                if (split > 1 && (warpgroup_steps(problem, tile) < 2 * split || tile.rows() % (8 * split) != 0))
                    continue;
                tile.split = split;
                const std::int64_t each = base::ceil_div(tiles * split, processors);
                if (split > 1 && each > 2) continue;
                if (!fill_processor(problem, each, tile)) continue;
                tile.repeats = blocks_across(target, problem, tile) < row_tiles(geometry, tile);
                ranked.emplace_back(estimate(target, problem, tile), tile);
            }
        }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<WarpgroupTile> result;
    std::size_t splits = 0;  // whose cost is the least certain
    for (const auto& [cost, tile] : ranked)
        if (result.size() < kMostCandidates && (tile.split == 1 || splits++ < kMostCandidates / 2))
            result.push_back(tile);
    return result;
}

}  // namespace fovea::backend::cuda
