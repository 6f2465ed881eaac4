#include "backend/cuda/warpgroup_conv.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "backend/cuda/source.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

constexpr std::size_t kMostCandidates = 7;
constexpr int kSharedPerProcessor = 227 * 1024;

std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Output pixels as parts see them: where rows of images need not be kept apart, all are one row.
struct Geometry {
    std::int64_t batch, height, width;  ///< of the output
    std::int64_t halo_y, halo_x;        ///< what taps read beyond it, in steps of the strides
    std::int64_t planes;                ///< of a patch, by the remainder of a pixel's place by the strides
    bool flat;

    explicit Geometry(const MmaProblem& p)
        : batch(p.batch),
          height(p.output_height),
          width(p.output_width),
          halo_y((p.taps_y - 1) * p.dilation_y / p.stride_y),
          halo_x((p.taps_x - 1) * p.dilation_x / p.stride_x),
          planes((p.taps_y > 1 ? p.stride_y : 1) * (p.taps_x > 1 ? p.stride_x : 1)),
          flat(p.taps_y * p.taps_x == 1 && p.stride_y == 1 && p.stride_x == 1 && p.pad_y == 0 && p.pad_x == 0 &&
               p.height == p.output_height && p.width == p.output_width &&
               std::all_of(p.sources.begin(), p.sources.end(), [](const auto& s) { return s.upsample == 1; })) {
        if (!flat) return;
        width *= batch * height;
        batch = height = 1;
    }
};

/// A tile's part in numbers of the geometry.
struct Part {
    std::int64_t rows, columns, slots;  ///< output pixels; pixels of its patch
    std::int64_t across, down;          ///< parts of one image

    Part(const Geometry& g, const WarpgroupTile& tile) {
        const bool strips = tile.row_pitch == tile.slot_pitch;
        columns = strips ? tile.slot_pitch - g.halo_x : tile.row_pitch;
        rows = tile.part_rows / tile.row_pitch;
        const std::int64_t last = tile.part_rows - 1, plane = tile.slot_pitch * (rows + g.halo_y);
        const std::int64_t read =
            last / tile.row_pitch * tile.slot_pitch + last % tile.row_pitch + g.halo_y * tile.slot_pitch + g.halo_x + 1;
        slots = ceil_divide((g.planes - 1) * plane + std::max(plane, read), 8) * 8;
        across = ceil_divide(g.width, columns);
        down = ceil_divide(g.height, rows);
    }
};

std::int64_t steps_of(const MmaProblem& problem, const WarpgroupTile& tile) {
    return ceil_divide(problem.channels() * 2, tile.depth_bytes) * problem.taps_y * problem.taps_x;
}

std::int64_t patch_bytes(const WarpgroupTile& tile, const Part& part) {
    return ceil_divide(tile.rows() / tile.part_rows * part.slots * tile.depth_bytes, 1024) * 1024;
}

/// Whether the sources are enlarged differently.
bool apart(const MmaProblem& problem) { return problem.sources[0].upsample != problem.sources.back().upsample; }

std::size_t shared_bytes(const MmaProblem& problem, const WarpgroupTile& tile) {
    const Part part(Geometry(problem), tile);
    const std::int64_t pipeline = tile.patches * (patch_bytes(tile, part) + 16) +
                                  tile.stages * (tile.columns * tile.depth_bytes + 16) +
                                  tile.rows() / tile.part_rows * part.slots * (apart(problem) ? 8 : 4);
    const std::int64_t line = std::min(tile.columns, 64) + 8;
    if (tile.split == 1) return static_cast<std::size_t>(pipeline + tile.groups * 64 * line * 4);
    const std::int64_t sums = tile.rows() * (tile.columns + 8) * 4;
    return static_cast<std::size_t>(std::max(pipeline, sums));
}

/// Blocks that fit a processor by their registers.
std::int64_t most_resident(const WarpgroupTile& tile) {
    const int registers = tile.blocks * tile.columns / 2 + 64;
    return std::clamp(65536 / (ceil_divide(registers, 8) * 8 * tile.threads()), std::int64_t{1}, std::int64_t{4});
}

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
            const std::int64_t count = ceil_divide(g.batch * part.across * part.down * rows, one.rows());
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

std::int64_t tiles_of(const Geometry& g, const WarpgroupTile& tile) {
    const Part part(g, tile);
    return ceil_divide(g.batch * part.across * part.down * tile.part_rows, tile.rows());
}

/// Sets what is in flight: all that a block reads where it fits beside the other blocks of a processor, which has
/// `each` tiles to compute. A block of several loads the next one's patch meanwhile.
bool fill_memory(const MmaProblem& problem, std::int64_t resident, std::int64_t each, WarpgroupTile& tile) {
    const Part part(Geometry(problem), tile);
    const std::int64_t steps = ceil_divide(steps_of(problem, tile), tile.split);
    const std::int64_t taps = problem.taps_y * problem.taps_x;
    const bool aligned = steps % taps == 0 && steps_of(problem, tile) % tile.split == 0;
    const std::int64_t of_tile = taps == 1 || aligned ? steps / taps : (steps - 1 + taps - 1) / taps + 1;
    const std::int64_t patch = patch_bytes(tile, part) + 16, stage = tile.columns * tile.depth_bytes + 16;
    tile.patches = tile.stages = 0;
    for (; resident >= 1; --resident) {
        const std::int64_t memory = kSharedPerProcessor / resident - 1024;
        const std::int64_t chunks = each > resident ? 2 * of_tile : of_tile;
        const std::int64_t left = memory - static_cast<std::int64_t>(tile.split == 1 ? shared_bytes(problem, tile) : 0);
        // What a step has read is given back after the next one has begun.
        const std::int64_t fewest = std::min<std::int64_t>(chunks, 2);
        std::int64_t stages = std::min<std::int64_t>(steps, 24), patches = (left - stages * stage) / patch;
        if (patches < fewest) {  // not all weights
            patches = std::min<std::int64_t>(chunks, taps == 1 ? left / (patch + stage) : 2);
            stages = std::min<std::int64_t>(stages, (left - patches * patch) / stage);
        }
        tile.patches = static_cast<int>(std::min<std::int64_t>({patches, chunks, taps == 1 ? 6 : 2}));
        tile.stages = static_cast<int>(stages);
        if (tile.patches >= fewest && tile.stages >= std::min<std::int64_t>(steps, 3) &&
            shared_bytes(problem, tile) <= static_cast<std::size_t>(memory))
            return true;
        tile.patches = tile.stages = 0;
    }
    return false;
}

/// Blocks that a processor holds at once.
std::int64_t resident_blocks(const MmaProblem& problem, const WarpgroupTile& tile) {
    return std::clamp<std::int64_t>(kSharedPerProcessor / static_cast<std::int64_t>(shared_bytes(problem, tile) + 1024),
                                    1, most_resident(tile));
}

/// Rough time in a processor's clocks; only the order counts.
double estimate(const Target& target, const MmaProblem& problem, const WarpgroupTile& tile) {
    const double processors = target.device->facts().multiprocessors;
    const Geometry geometry(problem);
    const Part part(geometry, tile);
    const auto steps = static_cast<double>(ceil_divide(steps_of(problem, tile), tile.split));
    const double taps = static_cast<double>(problem.taps_y * problem.taps_x), chunks = std::ceil(steps / taps);
    const double blocks =
        static_cast<double>(tiles_of(geometry, tile) * ceil_divide(problem.outputs, tile.columns) * tile.split);
    const double multiply = steps * tile.groups * tile.blocks * (tile.depth_bytes / 32) *
                            std::max(tile.columns / 2.0, 16 + tile.columns / 4.0);
    const double finish = 400 + tile.rows() * tile.columns / (tile.split > 1 ? 4.0 * tile.split : 8.0);
    const double weights = steps * tile.columns * tile.depth_bytes;
    const bool keep = tile.split == 1 && tile.stages >= steps;
    const double bytes = chunks * static_cast<double>(patch_bytes(tile, part)) + (keep ? 0 : weights);
    const double rate = std::min(45.0, 25.0 * processors / std::min(blocks, processors));
    const auto resident = static_cast<double>(resident_blocks(problem, tile));
    const double rounds = std::ceil(blocks / (processors * resident));
    const double beside = std::min(resident, std::ceil(blocks / processors));  // blocks that share a processor
    const double one = std::max({beside * multiply, beside * bytes / rate, multiply + finish});
    return 1500 + (keep ? weights * beside / rate : 0) + rounds * one + finish +
           (rounds == 1 ? std::min(multiply, bytes / rate) / 2 : 0) + (tile.split > 1 ? 1500 : 0);
}

std::vector<std::byte> packed_weights(const MmaProblem& problem, const WarpgroupTile& tile) {
    const std::int64_t taps = problem.taps_y * problem.taps_x, depth = tile.depth_bytes / 2,
                       steps = steps_of(problem, tile);
    const std::int64_t stage = tile.columns * depth;
    std::vector<std::byte> packed(
        static_cast<std::size_t>(ceil_divide(problem.outputs, tile.columns) * steps * stage * 2));
    auto* target = reinterpret_cast<std::uint16_t*>(packed.data());
    const auto* weights = reinterpret_cast<const std::uint16_t*>(problem.weights->raw());
    for (std::int64_t n = 0; n < problem.outputs; ++n)
        for (std::int64_t channel = 0; channel < problem.channels(); ++channel) {
            const std::uint16_t* source = weights + n * problem.output_stride + channel * problem.channel_stride;
            std::int64_t byte = (n % tile.columns * depth + channel % depth) * 2;
            byte ^= byte >> 3 & (tile.depth_bytes - 16);
            std::uint16_t* place = target + (n / tile.columns * steps + channel / depth * taps) * stage + byte / 2;
            for (std::int64_t tap = 0; tap < taps; ++tap) place[tap * stage] = source[tap];
        }
    return packed;
}

/// The instruction for this width, whose operands are as many as its sums.
std::string multiply_text(DType type, int columns) {
    const int sums = columns / 2;
    std::string list, operands;
    for (int i = 0; i < sums; ++i) {
        const std::string n = std::to_string(i), comma = i == 0 ? "" : ", ";
        list += comma + "%" + n;
        operands += comma + "\"+f\"(c[" + n + "])";
    }
    const std::string name = type == DType::bf16 ? "bf16" : "f16";
    const auto operand = [&](int i) { return "%" + std::to_string(sums + i); };
    return "DEVICE void multiply(float (&c)[" + std::to_string(sums) +
           "], u64 a, u64 b, bool more) {\n    asm volatile(\"{\\n.reg .pred add;\\nsetp.ne.b32 add, " + operand(2) +
           ", 0;\\nwgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) + "k16.f32." + name + "." + name +
           " {" + list + "}, " + operand(0) + ", " + operand(1) + ", add, 1, 1, 0, 0;\\n}\" : " + operands +
           " : \"l\"(a), \"l\"(b), \"r\"(static_cast<int>(more)));\n}\n";
}

std::string warpgroup_source(const MmaProblem& problem, const WarpgroupTile& tile, int resident, int width,
                             const std::string& epilogue) {
    const Part part(Geometry(problem), tile);
    KernelSource source;
    source.type("In", problem.type).type("Out", problem.result);
    source.constant("kGroups", tile.groups).constant("kBlocks", tile.blocks).constant("kColumns", tile.columns);
    source.constant("kDepthBytes", tile.depth_bytes).constant("kPatches", tile.patches);
    source.constant("kStages", tile.stages).constant("kPartRows", tile.part_rows).constant("kSplit", tile.split);
    source.constant("kRowPitch", tile.row_pitch).constant("kSlotPitch", tile.slot_pitch);
    source.constant("kTileRows", part.rows).constant("kTileColumns", part.columns).constant("kResident", resident);
    source.constant("kChannels0", problem.sources[0].channels).constant("kChannels", problem.channels());
    source.constant("kUp0", problem.sources[0].upsample).constant("kUp1", problem.sources.back().upsample);
    source.constant("kOutputs", problem.outputs).constant("kPad", problem.pad).constant("kPasses", 1);
    source.constant("kTapRows", problem.taps_y).constant("kTapColumns", problem.taps_x);
    source.constant("kStrideY", problem.stride_y).constant("kStrideX", problem.stride_x);
    source.constant("kDilationY", problem.dilation_y).constant("kDilationX", problem.dilation_x);
    source.constant("kWidth", width);
    source.text(tile.split > 1 ? "#define CLUSTER(n) __cluster_dims__(1, 1, n)\n" : "#define CLUSTER(n)\n");
    source.text(epilogue).text(kernel_text("mma.cuh")).text(kernel_text("cluster.cuh"));
    return source.text(multiply_text(problem.type, tile.columns)).finish("warpgroup.cuh");
}

class WarpgroupKernel final : public Kernel {
  public:
    WarpgroupKernel(const Target& target, const RegionContext& context, const MmaProblem& problem,
                    EpilogueCode epilogue, const WarpgroupTile& tile, int width)
        : problem_(problem), epilogue_(std::move(epilogue)), tile_(tile) {
        weights_ = device_constant(
            target, context,
            "warpgroup weights " + std::to_string(tile.columns) + "/" + std::to_string(tile.depth_bytes),
            packed_weights(problem, tile));
        const std::size_t bytes = shared_bytes(problem, tile);
        const std::int64_t resident = resident_blocks(problem, tile);
        function_ = std::make_unique<Function>(
            target.device, warpgroup_source(problem, tile, static_cast<int>(resident), width, epilogue_.text()),
            "warpgroup", bytes);
        const auto size = [](std::int64_t n) { return static_cast<int>(n); };
        const Geometry geometry(problem);
        const Part part(geometry, tile);
        args_.weights = weights_.get();
        args_.height = size(geometry.flat ? 1 : problem.height);
        args_.width = size(geometry.flat ? geometry.width : problem.width);
        args_.pad_y = size(problem.pad_y);
        args_.pad_x = size(problem.pad_x);
        args_.output_height = size(geometry.height);
        args_.output_width = size(geometry.width);
        args_.parts = size(geometry.batch * part.across * part.down);
        const std::int64_t tiles = tiles_of(geometry, tile), columns = ceil_divide(problem.outputs, tile.columns);
        args_.tiles = size(tiles);
        std::int64_t across = tiles;
        if (tile.split == 1) {  // as many blocks as run at once, all with the same number of tiles
            const std::int64_t most =
                std::max<std::int64_t>(1, target.device->facts().multiprocessors * resident / columns);
            across = ceil_divide(tiles, ceil_divide(tiles, most));
        }
        grid_ = {static_cast<unsigned>(across), static_cast<unsigned>(columns), static_cast<unsigned>(tile.split)};
        args_.parts_image = make_divisor(part.across * part.down);
        args_.parts_row = make_divisor(part.across);
        args_.pitch0 = size(problem.sources[0].pitch);
        args_.pitch1 = size(problem.sources.back().pitch);
        args_.output_pitch = size(problem.output_pitch);
        problem_.weights = nullptr;
    }

    void run(const KernelArgs& args) const override {
        WarpgroupArgs launch = args_;
        launch.input0 = args.inputs[problem_.sources[0].input];
        launch.input1 = args.inputs[problem_.sources.back().input];
        launch.output = args.outputs[0];
        epilogue_.bind(launch.epilogue, args);
        function_->launch(*args.stream, grid_, static_cast<unsigned>(tile_.threads()), &launch);
    }

    [[nodiscard]] std::string implementation() const override {
        return "tensor cores by warpgroups, tile " + tile_.name();
    }

  private:
    MmaProblem problem_;
    EpilogueCode epilogue_;
    WarpgroupTile tile_;
    PackedConstants::Block weights_;
    std::unique_ptr<Function> function_;
    WarpgroupArgs args_{};
    Function::Grid grid_;
};

/// Bytes of channels per step that leave the fewest unused; half as many where patches are large.
int depth_bytes_of(const MmaProblem& problem) {
    int best = Geometry(problem).planes > 1 ? 64 : 128;
    for (const int bytes : {64, 32})
        if (ceil_divide(problem.channels() * 2, bytes) * bytes < ceil_divide(problem.channels() * 2, best) * best)
            best = bytes;
    return best;
}

bool suits(const Target& target, const MmaProblem& problem) {
    if (target.device->facts().compute_capability != 90 || element_bytes(problem.type) != 2) return false;
    return problem.piece() == 16;
}

}  // namespace

std::string WarpgroupTile::name() const {
    char text[96];
    std::snprintf(text, sizeof text, "%dx%d:%dx%d:%db%d/%d:%d:%d/%d:s%d", rows(), columns, groups, blocks, depth_bytes,
                  patches, stages, part_rows, row_pitch, slot_pitch, split);
    return text;
}

WarpgroupTile warpgroup_tile(const std::string& name) {
    WarpgroupTile t{};
    int rows = 0;
    std::sscanf(name.c_str(), "%dx%d:%dx%d:%db%d/%d:%d:%d/%d:s%d", &rows, &t.columns, &t.groups, &t.blocks,
                &t.depth_bytes, &t.patches, &t.stages, &t.part_rows, &t.row_pitch, &t.slot_pitch, &t.split);
    if (t.name() != name || rows <= 0 || t.part_rows <= 0 || t.row_pitch <= 0)
        throw Error(ErrorCode::unsupported, "there is no tile \"" + name + "\"; build the plan again");
    return t;
}

std::vector<WarpgroupTile> warpgroup_tiles(const Target& target, const MmaProblem& problem) {
    if (!suits(target, problem)) return {};
    const Geometry geometry(problem);
    std::vector<std::pair<double, WarpgroupTile>> ranked;
    for (const auto& [groups, blocks] : {std::pair{1, 1}, {1, 2}, {2, 1}, {2, 2}})
        for (const int columns : {8, 16, 32, 64, 128, 256}) {
            if (columns >= 2 * std::max<std::int64_t>(problem.outputs, 8) || blocks * columns > 256) continue;
            WarpgroupTile tile{groups, blocks, columns};
            tile.depth_bytes = depth_bytes_of(problem);
            if (!shape_parts(geometry, tile)) continue;
            const std::int64_t tiles = tiles_of(geometry, tile) * ceil_divide(problem.outputs, columns);
            const std::int64_t processors = target.device->facts().multiprocessors;
            for (const int split : {1, 2, 4, 8}) {
                if (split > 1 && (steps_of(problem, tile) < 2 * split || tile.rows() % (8 * split) != 0)) continue;
                tile.split = split;
                const std::int64_t each = ceil_divide(tiles * split, processors);
                if (split > 1 && each > 2) continue;
                const std::int64_t resident = std::min(each, most_resident(tile));
                if (!fill_memory(problem, resident, each, tile)) continue;
                ranked.emplace_back(estimate(target, problem, tile), tile);
            }
        }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<WarpgroupTile> result;
    for (const auto& [cost, tile] : ranked)
        if (result.size() < kMostCandidates) result.push_back(tile);
    return result;
}

std::unique_ptr<Kernel> make_warpgroup_kernel(const Target& target, const RegionContext& context, const Tactic& tactic,
                                              const MmaProblem& problem, const Epilogue& epilogue,
                                              const std::vector<float>& bias, const WarpgroupTile& tile) {
    if (!suits(target, problem)) throw Error(ErrorCode::unsupported, "warpgroups do not suit this product");
    EpilogueCode code(target, context, tactic, epilogue, bias);
    const int most = std::min(16 / static_cast<int>(element_bytes(problem.result)), tile.columns);
    const int width = code.width(common_width(most, {problem.outputs, problem.output_pitch, problem.output_offset}));
    return std::make_unique<WarpgroupKernel>(target, context, problem, std::move(code), tile, width);
}

std::vector<std::string> product_tactics(const Target& target, const MmaProblem& problem) {
    std::vector<std::string> names;
    for (const WarpgroupTile& tile : warpgroup_tiles(target, problem)) names.push_back("wg:" + tile.name());
    const std::size_t most = names.empty() ? 8 : 4;
    for (const MmaTile& tile : mma_tiles(target, problem, most)) names.push_back("mma:" + tile.name());
    return names;
}

std::unique_ptr<Kernel> make_product_kernel(const Target& target, const RegionContext& context, const Tactic& tactic,
                                            const MmaProblem& problem, const Epilogue& epilogue,
                                            const std::vector<float>& bias) {
    if (tactic.name.starts_with("wg:"))
        return make_warpgroup_kernel(target, context, tactic, problem, epilogue, bias,
                                     warpgroup_tile(tactic.name.substr(3)));
    return make_mma_kernel(target, context, tactic, problem, epilogue, bias,
                           mma_tile(std::string_view(tactic.name).substr(4)));
}

}  // namespace fovea::backend::cuda
