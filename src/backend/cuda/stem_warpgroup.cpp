#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "backend/cuda/conv.hpp"
#include "backend/cuda/source.hpp"
#include "backend/cuda/warpgroup_conv.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

#include "backend/cuda/kernels/stem_warpgroup_arguments.hpp"

constexpr std::string_view kPrefix = "stem:wg";
constexpr int kSharedPerProcessor = 227 * 1024;

struct StemTile {
    std::string_view name;
    int rows, columns, groups;
    int resident;  ///< blocks of a processor
};
constexpr std::array kTiles = {StemTile{"4x16", 4, 16, 1, 4}, StemTile{"4x16b5", 4, 16, 1, 5},
                               StemTile{"8x16", 8, 16, 1, 3}, StemTile{"4x32", 4, 32, 1, 3}};

const StemTile& tile_of(const std::string& tactic) {
    for (const StemTile& tile : kTiles)
        if (tactic == std::string(kPrefix) + std::string(tile.name)) return tile;
    throw Error(ErrorCode::unsupported, "there is no kernel \"" + tactic + "\"; build the plan again");
}

/// Numbers of a first convolution that its source and its weights follow from.
struct StemShape {
    DType image = DType::undefined, type = DType::undefined;
    std::int64_t channels, outputs, taps_y, taps_x, stride_y, stride_x, pad_x;
    bool pool;

    [[nodiscard]] int columns() const { return static_cast<int>(base::ceil_div(outputs, 8) * 8); }
    /// Zero weights in front of a row's taps, so that they begin at an even place of the image.
    [[nodiscard]] std::int64_t lead() const { return pad_x % 2; }
    [[nodiscard]] std::int64_t tap_pad() const {
        return static_cast<std::int64_t>(
            std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(taps_x + lead(), 2))));
    }
    [[nodiscard]] std::int64_t chunks() const {
        return base::ceil_div(base::ceil_div(channels * taps_y * tap_pad(), 16), 4);
    }
    [[nodiscard]] std::int64_t strip(const StemTile& tile) const { return tile.columns - (pool ? 2 : 0); }
    /// Image columns in front of a strip's first one that its taps read.
    [[nodiscard]] std::int64_t before() const { return (pool ? stride_x : 0) + pad_x + lead(); }
    [[nodiscard]] std::int64_t shift(std::int64_t piece) const {
        return base::ceil_div(before(), piece) * piece - before();
    }
    [[nodiscard]] std::size_t shared_bytes(const StemTile& tile, std::int64_t piece) const {
        const std::int64_t width = base::ceil_div(shift(piece) + (tile.columns - 1) * stride_x + tap_pad(), 8) * 8;
        const std::int64_t patch = channels * ((tile.rows - 1) * stride_y + taps_y) * width;
        const std::int64_t ring = (tile.rows + (pool ? 1 : 0)) * tile.columns * (columns() + 8);
        return static_cast<std::size_t>(chunks() * columns() * 128 + 2 * (2 * patch + ring));
    }
};

/// As the descriptors in the template say: rows of 64 elements of the depth, swizzled.
std::vector<std::byte> packed_weights(const StemShape& s, const Tensor& weights) {
    std::vector<std::byte> packed(static_cast<std::size_t>(s.chunks() * s.columns() * 128));
    for (std::int64_t n = 0; n < s.outputs; ++n)
        for (std::int64_t line = 0; line < s.channels * s.taps_y; ++line)
            for (std::int64_t tap = 0; tap < s.taps_x; ++tap) {
                const std::int64_t depth = line * s.tap_pad() + s.lead() + tap;
                std::int64_t byte = (depth / 64 * s.columns() + n) * 128 + depth % 64 * 2;
                byte ^= byte >> 3 & 112;
                std::memcpy(packed.data() + byte,
                            weights.raw() + ((n * s.channels * s.taps_y + line) * s.taps_x + tap) * 2, 2);
            }
    return packed;
}

class StemWarpgroupKernel final : public Kernel {
  public:
    StemWarpgroupKernel(const Target& target, const RegionContext& context, const Tactic& tactic,
                        const ConvRegion& region, const StemShape& shape, const StemTile& tile)
        : epilogue_(target, context, tactic, region.epilogue, bias_of(context, region)),
          input_(stem_input(context, region)),
          threads_(128 * tile.groups) {
        const TensorDesc image = context.input_desc(input_, tactic);
        const TensorDesc output = channel_rows(context.output_desc(0, tactic));
        const Shape conv = context.shape(region.conv->outputs[0]);
        const std::int64_t element = static_cast<std::int64_t>(element_bytes(image.dtype));
        const std::int64_t piece =
            std::max(1, common_width(static_cast<int>(16 / element),
                                     {image.shape[3], image.pitch, shape.strip(tile) * shape.stride_x}));
        const int width =
            shape.pool ? 8 : common_width(8, {shape.outputs, output.pitch, offset_of(context.output_offsets, 0)});
        const std::size_t shared = shape.shared_bytes(tile, piece);
        const auto resident =
            std::clamp<std::int64_t>(kSharedPerProcessor / static_cast<std::int64_t>(shared + 1024), 1, tile.resident);
        KernelSource source;
        source.type("In", image.dtype).type("T", shape.type).constant("kHalf", shape.type == DType::f16);
        source.constant("kGroups", tile.groups).constant("kTileRows", tile.rows).constant("kTileColumns", tile.columns);
        source.constant("kResident", resident).constant("kColumns", shape.columns()).constant("kPiece", piece);
        source.constant("kShift", shape.shift(piece)).constant("kChannels", shape.channels);
        source.constant("kOutputs", shape.outputs).constant("kTapRows", shape.taps_y);
        source.constant("kTapPad", shape.tap_pad()).constant("kStrideY", shape.stride_y);
        source.constant("kStrideX", shape.stride_x).constant("kPool", shape.pool).constant("kWidth", width);
        source.constant("kPasses", 1).constant("kPad", 0);
        source.text(kernel_text("stem_warpgroup_arguments.hpp")).text(epilogue_.text()).text(kernel_text("mma.cuh"));
        source.text(multiply_text(shape.type, shape.columns(), true));
        function_ =
            std::make_unique<Function>(target.device, source.finish("stem_warpgroup.cuh"), "stem_warpgroup", shared);
        weights_ = device_constant(target, context, "stem warpgroup weights",
                                   packed_weights(shape, *context.constant(region.conv->inputs[1])));
        set_arguments(image, output, conv, region.window, shape, tile, shape.shift(piece));
        grid_ = static_cast<unsigned>(
            std::min<std::int64_t>(args_.steps, target.device->facts().multiprocessors * resident));
    }

    void run(const KernelArgs& args) const override {
        StemWarpgroupArgs launch = args_;
        launch.input = args.inputs[input_];
        launch.output = args.outputs[0];
        epilogue_.bind(launch.epilogue, args);
        function_->launch(*args.stream, {grid_}, static_cast<unsigned>(threads_), &launch);
    }
    [[nodiscard]] std::string implementation() const override {
        return args_.output_height == args_.conv_height ? "first convolution by warpgroups"
                                                        : "first convolution by warpgroups, and the maxima";
    }

  private:
    void set_arguments(const TensorDesc& image, const TensorDesc& output, const Shape& conv,
                       const ops::SlidingWindow& window, const StemShape& shape, const StemTile& tile,
                       std::int64_t shift) {
        const auto size = [](std::int64_t n) { return static_cast<int>(n); };
        args_.weights = weights_.get();
        args_.row_stride = size(image.pitch);
        args_.channel_stride = image.shape[2] * image.pitch;
        args_.image_stride = image.shape[1] * args_.channel_stride;
        args_.height = size(image.shape[2]);
        args_.width = size(image.shape[3]);
        args_.pad_y = size(window.pads_begin[0]);
        args_.first_x = size(-shape.before() - shift);
        args_.conv_height = size(conv[2]);
        args_.conv_width = size(conv[3]);
        args_.output_height = size(output.shape[2]);
        args_.output_width = size(output.shape[3]);
        args_.output_pitch = size(output.pitch);
        const std::int64_t down = base::ceil_div(output.shape[2] * (shape.pool ? 2 : 1), tile.rows);
        const std::int64_t across = base::ceil_div(output.shape[3] * (shape.pool ? 2 : 1), shape.strip(tile));
        args_.steps = size(output.shape[0] * across * down);
        args_.strip = make_divisor(down);
        args_.strips = make_divisor(across);
    }

    EpilogueCode epilogue_;
    std::size_t input_;
    int threads_;
    unsigned grid_ = 1;
    std::unique_ptr<Function> function_;
    PackedConstants::Block weights_;
    StemWarpgroupArgs args_{};
};

StemShape shape_of(const RegionContext& context, const ConvRegion& region) {
    const Shape& w = context.constant(region.conv->inputs[1])->shape();
    const Shape image = context.shape(context.region.inputs[stem_input(context, region)]);
    return {context.dtype(context.region.inputs[stem_input(context, region)]),
            context.dtype(region.conv->inputs[0]),
            image[1],
            w[0],
            w[2],
            w[3],
            region.window.strides[0],
            region.window.strides[1],
            region.window.pads_begin[1],
            context.node(context.region.nodes.size() - 1).op == "MaxPool"};
}

/// Whether `node` is the maximum that the template computes.
bool suits_pool(const MatchContext& context, const ir::Node& node) {
    using List = std::vector<std::int64_t>;
    if (node.op != "MaxPool" || node.get("kernel_shape", List{}) != List{3, 3} ||
        node.get("strides", List{}) != List{2, 2})
        return false;
    if (node.get("pads", List{}) != List{1, 1, 1, 1} || node.get("dilations", List{1, 1}) != List{1, 1}) return false;
    if (node.get<std::int64_t>("ceil_mode", 0) != 0 || node.get<std::string>("auto_pad", "NOTSET") != "NOTSET")
        return false;
    const auto type = context.info(node.inputs[0]).dtype;
    return (node.outputs.size() < 2 || node.outputs[1] == ir::kNone) && (type == DType::f16 || type == DType::bf16);
}

bool accepts_constant_step(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    return accepts_step(context, step, chain) && (step.operand == ir::kNone || context.graph.constant(step.operand));
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Conv" || !context.fuse) return refuse(Reason::unsupported_operator);
    const Tensor* weights = context.graph.constant(node.inputs[1]);
    const auto x = context.shape(node.inputs[0]);
    const DType type = context.info(node.inputs[0]).dtype;
    const bool constant_bias =
        node.inputs.size() < 3 || node.inputs[2] == ir::kNone || context.graph.constant(node.inputs[2]);
    if (!weights || !constant_bias || !x || x->size() != 4 || (type != DType::f16 && type != DType::bf16) ||
        node.get<std::int64_t>("group", 1) != 1 || !stem_window(weights->shape(), node) ||
        weights->shape()[0] % 8 != 0 || weights->shape()[0] > 64 ||
        node.get("strides", std::vector<std::int64_t>{1, 1})[1] != 2)
        return refuse(Reason::unsupported_operator);
    std::vector<ir::NodeId> nodes;
    if (const ir::NodeId cast = context.sole_producer(node.inputs[0]);
        cast != ir::kNone && context.graph.node(cast).op == "Cast" &&
        own_float(context.info(context.graph.node(cast).inputs[0]).dtype))
        nodes.push_back(cast);
    nodes.push_back(root);
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], kMostSteps, accepts_constant_step);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    const ir::NodeId pool = context.sole_consumer(epilogue.result);
    if (pool == ir::kNone || !suits_pool(context, context.graph.node(pool)))
        return refuse(Reason::unsupported_operator);
    nodes.push_back(pool);
    return make_region(context, "stem_pool", std::move(nodes));
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    Tactic tactic = uniform_tactic(context, "", Layout::channels_last);
    tactic.inputs[stem_input(context, read_conv(context))] = Layout::plain;
    std::vector<Tactic> result;
    for (const StemTile& tile : kTiles) {
        result.push_back(tactic);
        result.back().name = std::string(kPrefix) + std::string(tile.name);
    }
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    return prepare_stem_warpgroup(target, context, tactic, read_conv(context));
}

}  // namespace

std::vector<std::string> stem_warpgroup_tactics(const Target& target, const RegionContext& context,
                                                const ConvRegion& region) {
    if (target.device->facts().compute_capability != 90 || !suits_stem(context, region)) return {};
    const StemShape shape = shape_of(context, region);
    if (element_bytes(shape.type) != 2 || shape.type != context.dtype(context.region.outputs[0]) ||
        shape.outputs > 64 || shape.outputs % 2 != 0 || shape.stride_x % 2 != 0 || shape.taps_x + shape.lead() > 8)
        return {};
    std::vector<std::string> names;
    for (const StemTile& tile : kTiles) names.push_back(std::string(kPrefix) + std::string(tile.name));
    return names;
}

std::unique_ptr<Kernel> prepare_stem_warpgroup(const Target& target, const RegionContext& context, const Tactic& tactic,
                                               const ConvRegion& region) {
    if (target.device->facts().compute_capability != 90)
        throw Error(ErrorCode::unsupported, "warpgroups do not suit this GPU");
    return std::make_unique<StemWarpgroupKernel>(target, context, tactic, region, shape_of(context, region),
                                                 tile_of(tactic.name));
}

CudaFamily stem_pool_kernels() { return {"stem_pool", match, tactics, prepare, 90}; }

}  // namespace fovea::backend::cuda
