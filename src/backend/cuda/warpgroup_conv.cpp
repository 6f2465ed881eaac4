#include "backend/cuda/warpgroup_conv.hpp"

#include <algorithm>

#include "backend/cuda/product_kernel.hpp"
#include "backend/cuda/source.hpp"
#include "backend/cuda/warpgroup_tiles.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

template <class Word>
std::vector<std::byte> packed_weights(const MmaProblem& problem, const WarpgroupTile& tile) {
    constexpr auto kWord = static_cast<std::int64_t>(sizeof(Word));
    const Tensor values = factors(problem, problem.type == DType::f32);
    const std::int64_t taps = problem.taps_y * problem.taps_x, depth = tile.depth_bytes / kWord,
                       steps = warpgroup_steps(problem, tile);
    const std::int64_t stage = tile.columns * depth;
    std::vector<std::byte> packed(
        static_cast<std::size_t>(base::ceil_div(problem.outputs, tile.columns) * steps * stage * kWord));
    auto* target = reinterpret_cast<Word*>(packed.data());
    const auto* weights = reinterpret_cast<const Word*>(values.raw());
    for (std::int64_t n = 0; n < problem.outputs; ++n)
        for (std::int64_t channel = 0; channel < problem.channels(); ++channel) {
            const Word* source = weights + n * problem.output_stride + channel * problem.channel_stride;
            std::int64_t byte = (n % tile.columns * depth + channel % depth) * kWord;
            byte ^= byte >> 3 & (tile.depth_bytes - 16);
            Word* place = target + (n / tile.columns * steps + channel / depth * taps) * stage + byte / kWord;
            for (std::int64_t tap = 0; tap < taps; ++tap) place[tap * stage] = source[tap];
        }
    return packed;
}

std::string warpgroup_source(const MmaProblem& problem, const WarpgroupTile& tile, int width,
                             const std::string& epilogue) {
    const Part part(Geometry(problem), tile);
    KernelSource source;
    source.type("In", problem.type).type("Out", problem.result);
    source.constant("kGroups", tile.groups).constant("kBlocks", tile.blocks).constant("kColumns", tile.columns);
    source.constant("kDepthBytes", tile.depth_bytes).constant("kPatches", tile.patches);
    source.constant("kStages", tile.stages).constant("kPartRows", tile.part_rows).constant("kSplit", tile.split);
    source.constant("kRowPitch", tile.row_pitch).constant("kSlotPitch", tile.slot_pitch);
    source.constant("kTileRows", part.rows)
        .constant("kTileColumns", part.columns)
        .constant("kResident", resident_blocks(problem, tile))
        .constant("kRepeats", tile.repeats);
    source.constant("kChannels0", problem.sources[0].channels).constant("kChannels", problem.channels());
    source.constant("kUp0", problem.sources[0].upsample).constant("kUp1", problem.sources.back().upsample);
    source.constant("kOutputs", problem.outputs).constant("kPad", problem.pad).constant("kPasses", 1);
    source.constant("kTapRows", problem.taps_y).constant("kTapColumns", problem.taps_x);
    source.constant("kStrideY", problem.stride_y).constant("kStrideX", problem.stride_x);
    source.constant("kDilationY", problem.dilation_y).constant("kDilationX", problem.dilation_x);
    source.constant("kWidth", width);
    source.text(tile.split > 1 ? "#define CLUSTER(n) __cluster_dims__(1, 1, n)\n" : "#define CLUSTER(n)\n");
    source.text(phases_text(problem));
    source.text(epilogue).text(kernel_text("mma.cuh")).text(kernel_text("cluster.cuh"));
    source.text(kernel_text("async.cuh")).text(kernel_text("ring.cuh")).text(kernel_text("warpgroup_tile.cuh"));
    return source.text(multiply_text(problem.type, tile.columns)).finish("warpgroup.cuh");
}

}  // namespace

std::string multiply_text(DType type, int columns, bool registers) {
    const int sums = columns / 2, pieces = registers ? 4 : 1;
    std::string list, operands;
    for (int i = 0; i < sums; ++i) {
        const std::string n = std::to_string(i), comma = i == 0 ? "" : ", ";
        list += comma + "%" + n;
        operands += comma + "\"+f\"(c[" + n + "])";
    }
    const std::string name = type == DType::f32 ? "tf32" : type == DType::bf16 ? "bf16" : "f16";
    const std::string depth = type == DType::f32 ? "k8" : "k16";
    // Only 16-bit types can be turned, and only what lies in shared memory.
    const std::string turned = type == DType::f32 ? "" : registers ? ", 0" : ", 0, 0";
    const auto operand = [&](int i) { return "%" + std::to_string(sums + i); };
    const std::string a =
        registers ? "{" + operand(0) + ", " + operand(1) + ", " + operand(2) + ", " + operand(3) + "}" : operand(0);
    return "DEVICE void multiply(float (&c)[" + std::to_string(sums) + "], " +
           (registers ? "const u32 (&a)[4]" : "u64 a") +
           ", u64 b, bool more) {\n    asm volatile(\"{\\n.reg .pred add;\\nsetp.ne.b32 add, " + operand(pieces + 1) +
           ", 0;\\nwgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) + depth + ".f32." + name + "." + name +
           " {" + list + "}, " + a + ", " + operand(pieces) + ", add, 1, 1" + turned + ";\\n}\" : " + operands + " : " +
           (registers ? "\"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3])" : "\"l\"(a)") +
           ", \"l\"(b), \"r\"(static_cast<int>(more)));\n}\n";
}

std::unique_ptr<Kernel> make_warpgroup_kernel(const Target& target, const RegionContext& context, const Tactic& tactic,
                                              const MmaProblem& problem, const Epilogue& epilogue,
                                              const std::vector<float>& bias, const WarpgroupTile& tile) {
    if (!suits_warpgroups(target, problem)) throw Error(ErrorCode::unsupported, "warpgroups do not suit this product");
    EpilogueCode code(target, context, tactic, epilogue, bias);
    const int width = stored_width(problem, code, tile.columns, tile.split);
    const Geometry geometry(problem);
    const Part part(geometry, tile);
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    ProductLaunch<WarpgroupArgs> launch;
    launch.weights = device_constant(target, context,
                                     "warpgroup weights " + std::to_string(tile.columns) + "/" +
                                         std::to_string(tile.depth_bytes) + phase_text(problem),
                                     [&] {
                                         return problem.type == DType::f32
                                                    ? packed_weights<std::uint32_t>(problem, tile)
                                                    : packed_weights<std::uint16_t>(problem, tile);
                                     });
    launch.function = std::make_unique<Function>(target.device, warpgroup_source(problem, tile, width, code.text()),
                                                 "warpgroup", shared_bytes(problem, tile));
    launch.grid = {static_cast<unsigned>(blocks_across(target, problem, tile)),
                   static_cast<unsigned>(base::ceil_div(problem.outputs, tile.columns)),
                   static_cast<unsigned>(tile.split)};
    launch.threads = tile.threads();
    launch.args.height = size(geometry.flat ? 1 : problem.height);
    launch.args.width = size(geometry.flat ? geometry.width : problem.width);
    launch.args.output_height = size(geometry.height);
    launch.args.output_width = size(geometry.width);
    launch.args.parts = size(geometry.batch * part.across * part.down);
    launch.args.tiles = size(row_tiles(geometry, tile));
    launch.args.parts_image = make_divisor(part.across * part.down);
    launch.args.parts_row = make_divisor(part.across);
    launch.implementation = "tensor cores by warpgroups, tile " + tile.name();
    launch.tf32 = problem.type == DType::f32;
    return std::make_unique<ProductKernel<WarpgroupArgs>>(problem, std::move(code), std::move(launch));
}

std::vector<std::string> product_tactics(const Target& target, const MmaProblem& problem) {
    std::vector<std::string> names;
    for (const WarpgroupTile& tile : warpgroup_tiles(target, problem)) names.push_back("wg:" + tile.name());
    // Products of one tap read a patch once: rounding it to TF32 before takes longest there.
    const bool rounded_once = problem.type == DType::f32 && problem.taps_y * problem.taps_x == 1;
    const std::size_t most = names.empty() || rounded_once ? 8 : 4;
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
