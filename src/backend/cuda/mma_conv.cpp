#include "backend/cuda/mma_conv.hpp"

#include <algorithm>
#include <cmath>

#include "backend/cuda/product_kernel.hpp"
#include "backend/cuda/source.hpp"
#include "base/checked.hpp"
#include "base/hash.hpp"
#include "base/weight_rounding.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

constexpr MmaTile kTiles[] = {
    {128, 128, 64, 4, 2, 2}, {128, 128, 128, 3, 2, 4}, {128, 64, 128, 3, 2, 2}, {64, 128, 128, 3, 2, 2},
    {64, 64, 128, 4, 2, 2},  {64, 32, 128, 4, 2, 2},   {32, 64, 128, 4, 2, 2},  {32, 32, 128, 4, 2, 2},
    {128, 32, 128, 3, 4, 1}, {128, 16, 128, 3, 4, 1},  {128, 16, 64, 4, 4, 1},  {16, 64, 128, 4, 1, 4},
};
constexpr int kSplits[] = {1, 2, 4, 8};
/// Products of at most so many rows or outputs are not rounded to TF32.
constexpr std::int64_t kFewRows = 16, kFewOutputs = 8, kFewOutputsOfOneTap = 24;

std::int64_t depth_steps(const MmaProblem& problem, const MmaTile& tile) {
    const auto element = static_cast<std::int64_t>(element_bytes(problem.type));
    return base::ceil_div(problem.taps_y * problem.taps_x * problem.channels(), tile.depth_bytes / element);
}

/// Rough time of a tile in units of one 64x64 step; only the order counts.
double estimate(const Target& target, const MmaProblem& problem, const MmaTile& tile) {
    const std::int64_t blocks =
        base::ceil_div(problem.rows(), tile.rows) * base::ceil_div(problem.outputs, tile.columns) * tile.split;
    const double per_processor = static_cast<double>(blocks) / target.device->facts().multiprocessors;
    const double waves = per_processor < 4 ? std::ceil(per_processor) : per_processor;
    const double area = tile.rows * tile.columns / 4096.0, edge = (tile.rows + tile.columns) / 128.0;
    const double step = (area + 0.5 * edge + 0.3) * tile.depth_bytes / 128.0;
    const double steps = std::ceil(static_cast<double>(depth_steps(problem, tile)) / tile.split);
    return waves * (steps * step + (tile.split > 1 ? 6 : 2) * area + 1) + (tile.split > 1 ? 1.5 : 0);
}

template <class Word>
void pack(const MmaProblem& problem, const Tensor& values, const MmaTile& tile, Word* packed) {
    const std::int64_t depth_tile = tile.depth_bytes / static_cast<std::int64_t>(sizeof(Word));
    const std::int64_t steps = depth_steps(problem, tile), taps = problem.taps_y * problem.taps_x;
    const std::int64_t channels = problem.channels();
    const Word* weights = reinterpret_cast<const Word*>(values.raw());
    for (std::int64_t n = 0; n < problem.outputs; ++n) {
        Word* column = packed + (n / tile.columns * steps * tile.columns + n % tile.columns) * depth_tile;
        std::int64_t place = 0;  // within the step's row
        for (std::int64_t tap = 0; tap < taps; ++tap) {
            const Word* source = weights + n * problem.output_stride + tap;
            for (std::int64_t channel = 0; channel < channels; ++channel) {
                column[place] = source[channel * problem.channel_stride];
                if (++place == depth_tile) {
                    place = 0;
                    column += tile.columns * depth_tile;
                }
            }
        }
    }
}

/// Weights as [tile of columns][step][column][depth within the step], zero where a tile is not full.
std::vector<std::byte> packed_weights(const MmaProblem& problem, const MmaTile& tile, bool tf32) {
    const Tensor weights = factors(problem, tf32);
    const std::int64_t tiles = base::ceil_div(problem.outputs, tile.columns);
    std::vector<std::byte> packed(
        static_cast<std::size_t>(tiles * depth_steps(problem, tile) * tile.columns * tile.depth_bytes));
    switch (element_bytes(problem.type)) {
        case 1: pack(problem, weights, tile, reinterpret_cast<std::uint8_t*>(packed.data())); break;
        case 2: pack(problem, weights, tile, reinterpret_cast<std::uint16_t*>(packed.data())); break;
        default: pack(problem, weights, tile, reinterpret_cast<std::uint32_t*>(packed.data()));
    }
    return packed;
}

std::string mma_source(const MmaProblem& problem, const MmaTile& tile, bool tf32, bool clusters, int width,
                       const std::string& epilogue) {
    KernelSource source;
    source.type("In", problem.type).type("Out", problem.result);
    source.constant("kRows", tile.rows).constant("kColumns", tile.columns).constant("kDepthBytes", tile.depth_bytes);
    source.constant("kStages", tile.stages).constant("kSplit", tile.split);
    source.constant("kWarpRows", tile.warp_rows).constant("kWarpColumns", tile.warp_columns);
    source.constant("kPasses", problem.type == DType::f32 && !tf32 ? 3 : 1);
    source.constant("kChannels0", problem.sources[0].channels).constant("kChannels", problem.channels());
    source.constant("kUp0", problem.sources[0].upsample).constant("kUp1", problem.sources.back().upsample);
    source.constant("kOutputs", problem.outputs).constant("kPad", problem.pad);
    source.constant("kTapRows", problem.taps_y).constant("kTapColumns", problem.taps_x);
    source.constant("kStrideY", problem.stride_y).constant("kStrideX", problem.stride_x);
    source.constant("kDilationY", problem.dilation_y).constant("kDilationX", problem.dilation_x);
    source.constant("kPiece", problem.piece()).constant("kWidth", width);
    source.text(clusters && tile.split > 1 ? "#define CLUSTER(n) __cluster_dims__(1, 1, n)\n" : "#define CLUSTER(n)\n");
    source.text(phases_text(problem));
    return source.text(epilogue)
        .text(kernel_text("mma.cuh"))
        .text(kernel_text("cluster.cuh"))
        .text(kernel_text("async.cuh"))
        .finish("conv.cuh");
}

}  // namespace

std::string MmaTile::name() const {
    const auto n = [](int value) { return std::to_string(value); };
    return n(rows) + "x" + n(columns) + ":" + n(depth_bytes) + "b" + n(stages) + ":" + n(warp_rows) + "x" +
           n(warp_columns) + ":s" + n(split);
}

std::size_t MmaTile::shared_bytes() const {
    const auto pipeline = static_cast<std::size_t>(stages * (rows + columns) * depth_bytes);
    const auto sums = static_cast<std::size_t>(rows * (columns + 8)) * sizeof(float);
    return std::max(pipeline, sums);
}

std::int64_t MmaProblem::channels() const {
    std::int64_t sum = 0;
    for (const Source& source : sources) sum += source.channels;
    return sum;
}

int MmaProblem::piece() const {
    const auto element = static_cast<int>(element_bytes(type));
    int width = 16 / element;
    for (const Source& source : sources) width = common_width(width, {source.channels, source.pitch, source.offset});
    return width * element >= 4 ? width * element : 0;
}

bool rounds_to_tf32(const Target& target, DType type, std::int64_t rows, std::int64_t outputs, std::int64_t taps) {
    return type == DType::f32 && target.tf32 && rows > kFewRows &&
           outputs > (taps == 1 ? kFewOutputsOfOneTap : kFewOutputs);
}

bool rounds_to_tf32(const Target& target, const MmaProblem& problem) {
    return rounds_to_tf32(target, problem.type, problem.rows(), problem.outputs, problem.taps_y * problem.taps_x);
}

Tensor factors(const MmaProblem& problem, bool tf32) {
    if (!tf32) return *problem.weights;
    const std::int64_t length = problem.channels() * problem.taps_y * problem.taps_x;
    const bool columns = problem.output_stride == 1 && problem.channel_stride == problem.outputs;
    return base::round_weights_to_tf32(*problem.weights, {length, columns ? problem.outputs : 1});
}

Tensor factors(const Tensor& weights, bool tf32) {
    if (!tf32) return weights;
    return base::round_weights_to_tf32(weights, {weights.size() / weights.shape()[0], 1});
}

std::string phase_text(const MmaProblem& problem) {
    if (problem.phases() == 1 && problem.phase < 0) return "";
    // Which of the weights belong to a phase may follow from the shape of the result.
    return " phase " + std::to_string(problem.phase) + "/" +
           std::to_string(base::hash_bytes({problem.weights->raw(), problem.weights->bytes()}));
}

std::string phases_text(const MmaProblem& problem) {
    const auto number = [](const char* name, std::int64_t value) {
        return "constexpr int " + std::string(name) + " = " + std::to_string(value) + ";\n";
    };
    return number("kPhasesY", problem.phases_y.count) + number("kPhasesX", problem.phases_x.count) +
           number("kCropTop", problem.phases_y.crop_begin) + number("kCropBottom", problem.phases_y.crop_end) +
           number("kOnlyPhase", problem.phase) + number("kCropLeft", problem.phases_x.crop_begin) +
           number("kCropRight", problem.phases_x.crop_end) + std::string(kernel_text("phases.cuh"));
}

std::vector<MmaTile> mma_tiles(const Target& target, const MmaProblem& problem, std::size_t most) {
    std::vector<std::pair<double, MmaTile>> ranked;
    const bool clusters = target.device->facts().compute_capability >= 90;
    for (MmaTile tile : kTiles) {
        const int pieces = tile.depth_bytes / problem.piece();
        if (tile.threads() % pieces != 0 || tile.columns >= 2 * std::max<std::int64_t>(problem.outputs, 16)) continue;
        if (tile.shared_bytes() > static_cast<std::size_t>(target.device->facts().shared_bytes)) continue;
        for (const int split : kSplits) {
            if (split > 1 && (!clusters || depth_steps(problem, tile) < 2 * split)) continue;
            tile.split = split;
            ranked.emplace_back(estimate(target, problem, tile), tile);
        }
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<MmaTile> result;
    for (const auto& [cost, tile] : ranked)
        if (result.size() < most) result.push_back(tile);
    return result;
}

MmaTile mma_tile(std::string_view name) {
    for (MmaTile tile : kTiles)
        for (const int split : kSplits) {
            tile.split = split;
            if (tile.name() == name) return tile;
        }
    throw Error(ErrorCode::unsupported, "there is no tile \"" + std::string(name) + "\"; build the plan again");
}

std::unique_ptr<Kernel> make_mma_kernel(const Target& target, const RegionContext& context, const Tactic& tactic,
                                        const MmaProblem& problem, const Epilogue& epilogue,
                                        const std::vector<float>& bias, const MmaTile& tile) {
    if (problem.piece() == 0) throw Error(ErrorCode::unsupported, "odd numbers of channels have no tiles");
    EpilogueCode code(target, context, tactic, epilogue, bias);
    const int width = stored_width(problem, code, tile.columns, tile.split);
    const bool tf32 = rounds_to_tf32(target, problem);
    ProductLaunch<ConvArgs> launch;
    // Packed for one tile shape; other shapes of the input may use another.
    launch.weights = device_constant(target, context,
                                     "weights " + std::to_string(tile.columns) + "/" +
                                         std::to_string(tile.depth_bytes) + (tf32 ? " tf32" : "") + phase_text(problem),
                                     [&] { return packed_weights(problem, tile, tf32); });
    launch.function = std::make_unique<Function>(
        target.device,
        mma_source(problem, tile, tf32, target.device->facts().compute_capability >= 90, width, code.text()), "conv",
        tile.shared_bytes());
    launch.grid = {static_cast<unsigned>(base::ceil_div(problem.rows(), tile.rows)),
                   static_cast<unsigned>(base::ceil_div(problem.outputs, tile.columns)),
                   static_cast<unsigned>(tile.split)};
    launch.threads = tile.threads();
    launch.args.height = static_cast<int>(problem.height);
    launch.args.width = static_cast<int>(problem.width);
    launch.args.rows = static_cast<int>(problem.rows());
    launch.args.pixels = make_divisor(problem.output_height * problem.output_width);
    launch.args.columns = make_divisor(problem.output_width);
    launch.implementation = "tensor cores, tile " + tile.name();
    launch.tf32 = tf32;
    return std::make_unique<ProductKernel<ConvArgs>>(problem, std::move(code), std::move(launch));
}

}  // namespace fovea::backend::cuda
