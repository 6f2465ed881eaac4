#include "backend/cuda/warpgroup_conv.hpp"

#include <algorithm>

#include "backend/cuda/source.hpp"
#include "backend/cuda/warpgroup_tiles.hpp"
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
        static_cast<std::size_t>(ceil_divide(problem.outputs, tile.columns) * steps * stage * kWord));
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

std::string warpgroup_source(const MmaProblem& problem, const WarpgroupTile& tile, std::int64_t resident, bool repeats,
                             int width, const std::string& epilogue) {
    const Part part(Geometry(problem), tile);
    KernelSource source;
    source.type("In", problem.type).type("Out", problem.result);
    source.constant("kGroups", tile.groups).constant("kBlocks", tile.blocks).constant("kColumns", tile.columns);
    source.constant("kDepthBytes", tile.depth_bytes).constant("kPatches", tile.patches);
    source.constant("kStages", tile.stages).constant("kPartRows", tile.part_rows).constant("kSplit", tile.split);
    source.constant("kRowPitch", tile.row_pitch).constant("kSlotPitch", tile.slot_pitch);
    source.constant("kTileRows", part.rows)
        .constant("kTileColumns", part.columns)
        .constant("kResident", resident)
        .constant("kRepeats", repeats);
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

class WarpgroupKernel final : public Kernel {
  public:
    WarpgroupKernel(const Target& target, const RegionContext& context, const MmaProblem& problem,
                    EpilogueCode epilogue, const WarpgroupTile& tile, int width)
        : problem_(problem), epilogue_(std::move(epilogue)), tile_(tile) {
        weights_ = device_constant(target, context,
                                   "warpgroup weights " + std::to_string(tile.columns) + "/" +
                                       std::to_string(tile.depth_bytes) + phase_text(problem),
                                   problem.type == DType::f32 ? packed_weights<std::uint32_t>(problem, tile)
                                                              : packed_weights<std::uint16_t>(problem, tile));
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
        const std::int64_t resident = resident_blocks(problem, tile);
        const std::int64_t tiles = row_tiles(geometry, tile), columns = ceil_divide(problem.outputs, tile.columns);
        args_.tiles = size(tiles);
        std::int64_t across = tiles;
        if (tile.split == 1) {  // as many blocks as run at once, all with the same number of tiles
            const std::int64_t most =
                std::max<std::int64_t>(1, target.device->facts().multiprocessors * resident / columns);
            across = ceil_divide(tiles, ceil_divide(tiles, most));
        }
        grid_ = {static_cast<unsigned>(across), static_cast<unsigned>(columns), static_cast<unsigned>(tile.split)};
        function_ = std::make_unique<Function>(
            target.device, warpgroup_source(problem, tile, resident, across < tiles, width, epilogue_.text()),
            "warpgroup", shared_bytes(problem, tile));
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
    // Four sums of one thread are what neighbouring threads read together from other blocks' memory.
    const int most = tile.split > 1 ? 4 : std::min(16 / static_cast<int>(element_bytes(problem.result)), tile.columns);
    const int width =
        code.width(common_width(most, {problem.result_channels(), problem.output_pitch, problem.output_offset}));
    return std::make_unique<WarpgroupKernel>(target, context, problem, std::move(code), tile, width);
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
