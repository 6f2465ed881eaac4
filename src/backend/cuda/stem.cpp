#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "backend/cuda/conv.hpp"
#include "backend/cuda/mma_conv.hpp"
#include "backend/cuda/source.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

struct StemTile {
    std::string_view name;
    int rows, columns, fragment_rows;
};
constexpr std::array kTiles = {StemTile{"8x16", 8, 16, 2}, StemTile{"8x8", 8, 8, 1}, StemTile{"4x32", 4, 32, 2},
                               StemTile{"8x32", 8, 32, 2}, StemTile{"16x16", 16, 16, 2}};

const StemTile& tile_of(const std::string& tactic) {
    for (const StemTile& tile : kTiles)
        if (tactic.starts_with("stem:" + std::string(tile.name) + ":")) return tile;
    throw Error(ErrorCode::unsupported, "there is no kernel \"" + tactic + "\"; build the plan again");
}

/// Numbers of a first convolution that its source and its weights follow from.
struct StemShape {
    DType type = DType::undefined;
    std::int64_t channels = 0, outputs = 0, taps_y = 0, taps_x = 0, stride_y = 1, stride_x = 1;

    [[nodiscard]] int columns() const { return outputs <= 16 ? 16 : outputs <= 32 ? 32 : 64; }
    [[nodiscard]] std::int64_t tiles() const { return base::ceil_div(outputs, columns()); }
    [[nodiscard]] std::int64_t tap_pad() const {
        return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(taps_x, 2))));
    }
    [[nodiscard]] std::int64_t element() const { return static_cast<std::int64_t>(element_bytes(type)); }
    [[nodiscard]] std::int64_t depth() const { return base::round_up(channels * taps_y * tap_pad(), 32 / element()); }
    [[nodiscard]] std::int64_t weight_pitch() const { return depth() + 16 / element(); }
    [[nodiscard]] std::size_t shared_bytes(const StemTile& tile) const {
        const std::int64_t patch_rows = (tile.rows - 1) * stride_y + taps_y;
        const std::int64_t patch_columns = ((tile.columns - 1) * stride_x + tap_pad() + 1) / 2 * 2;
        const std::int64_t patch = base::round_up(channels * patch_rows * patch_columns * element(), 16);
        const std::int64_t sums = tile.rows * tile.columns * (columns() + 8) * 4;
        return static_cast<std::size_t>(std::max(patch + columns() * weight_pitch() * element(), sums));
    }
};

std::string stem_source(const StemShape& s, const StemTile& tile, DType in, DType out, std::int64_t pad, bool tf32,
                        int width, const std::string& epilogue) {
    KernelSource source;
    source.type("In", in).type("T", s.type).type("Out", out);
    source.constant("kTileRows", tile.rows).constant("kTileColumns", tile.columns);
    source.constant("kFragmentRows", tile.fragment_rows).constant("kColumns", s.columns());
    source.constant("kChannels", s.channels).constant("kOutputs", s.outputs);
    source.constant("kTapRows", s.taps_y).constant("kTapColumns", s.taps_x).constant("kTapPad", s.tap_pad());
    source.constant("kStrideY", s.stride_y).constant("kStrideX", s.stride_x).constant("kPad", pad);
    source.constant("kPasses", s.type == DType::f32 && !tf32 ? 3 : 1).constant("kWidth", width);
    return source.text(epilogue).text(kernel_text("mma.cuh")).finish("stem.cuh");
}

std::vector<std::byte> packed_weights(const StemShape& s, const Tensor& weights) {
    const auto element = static_cast<std::size_t>(s.element());
    std::vector<std::byte> packed(static_cast<std::size_t>(s.tiles() * s.columns() * s.weight_pitch()) * element);
    for (std::int64_t n = 0; n < s.outputs; ++n)
        for (std::int64_t line = 0; line < s.channels * s.taps_y; ++line)
            std::memcpy(
                packed.data() + static_cast<std::size_t>(n * s.weight_pitch() + line * s.tap_pad()) * element,
                weights.raw() + static_cast<std::size_t>((n * s.channels * s.taps_y + line) * s.taps_x) * element,
                static_cast<std::size_t>(s.taps_x) * element);
    return packed;
}

class StemKernel final : public Kernel {
  public:
    StemKernel(std::unique_ptr<Function> function, EpilogueCode epilogue, PackedConstants::Block weights,
               std::size_t input, const StemArgs& args, Function::Grid grid, int threads, bool tf32)
        : function_(std::move(function)),
          epilogue_(std::move(epilogue)),
          weights_(std::move(weights)),
          input_(input),
          args_(args),
          grid_(grid),
          threads_(threads),
          tf32_(tf32) {
        args_.weights = weights_.get();
    }
    void run(const KernelArgs& args) const override {
        StemArgs launch = args_;
        launch.input = args.inputs[input_];
        launch.output = args.outputs[0];
        epilogue_.bind(launch.epilogue, args);
        function_->launch(*args.stream, grid_, static_cast<unsigned>(threads_), &launch);
    }
    [[nodiscard]] bool rounds_to_tf32() const override { return tf32_; }
    [[nodiscard]] std::string implementation() const override { return "first convolution on tensor cores"; }

  private:
    std::unique_ptr<Function> function_;
    EpilogueCode epilogue_;
    PackedConstants::Block weights_;
    std::size_t input_;
    StemArgs args_;
    Function::Grid grid_;
    int threads_;
    bool tf32_;
};

/// The image: the convolution's input, or what a cast in the region makes it from.
ir::ValueId image_of(const RegionContext& context, const ConvRegion& region) {
    const ir::NodeId producer = context.graph.value(region.conv->inputs[0]).producer;
    const auto& nodes = context.region.nodes;
    if (std::find(nodes.begin(), nodes.end(), producer) == nodes.end()) return region.conv->inputs[0];
    return context.graph.node(producer).inputs[0];
}

}  // namespace

bool stem_window(const Shape& weights, const ir::Node& conv) {
    const auto dilations = conv.get("dilations", std::vector<std::int64_t>{1, 1});
    return weights.size() == 4 && weights[1] <= kStemChannels && weights[3] <= 8 && weights[2] <= 11 &&
           dilations == std::vector<std::int64_t>{1, 1};
}

bool suits_stem(const RegionContext& context, const ConvRegion& region) {
    return region.group == 1 && region.prologue.trivial() &&
           stem_window(context.constant(region.conv->inputs[1])->shape(), *region.conv);
}

std::size_t stem_input(const RegionContext& context, const ConvRegion& region) {
    return context.input_index(image_of(context, region));
}

std::vector<std::string> stem_tiles() {
    std::vector<std::string> names;
    for (const StemTile& tile : kTiles) names.emplace_back(tile.name);
    return names;
}

std::unique_ptr<Kernel> prepare_stem(const Target& target, const RegionContext& context, const Tactic& tactic,
                                     const ConvRegion& region) {
    if (!suits_stem(context, region)) throw Error(ErrorCode::unsupported, "the convolution is no first one");
    const std::size_t input = stem_input(context, region);
    const TensorDesc image = context.input_desc(input, tactic), output = channel_rows(context.output_desc(0, tactic));
    const auto& w = region.window;
    const StemShape shape{context.dtype(region.conv->inputs[0]),
                          image.shape[1],
                          output.shape[1],
                          w.kernel[0],
                          w.kernel[1],
                          w.strides[0],
                          w.strides[1]};
    const StemTile& tile = tile_of(tactic.name);
    const std::int64_t rows = output.shape[0] * output.shape[2] * output.shape[3], taps = w.kernel[0] * w.kernel[1];
    const bool tf32 = rounds_to_tf32(target, shape.type, rows, shape.outputs, taps);
    EpilogueCode epilogue(target, context, tactic, region.epilogue, bias_of(context, region));
    const int most = std::min(16 / static_cast<int>(element_bytes(output.dtype)), shape.columns());
    const int width =
        epilogue.width(common_width(most, {shape.outputs, output.pitch, offset_of(context.output_offsets, 0)}));
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    StemArgs args{};
    const bool last = image.layout == Layout::channels_last;
    args.row_stride = size(last ? image.shape[3] * image.pitch : image.pitch);
    args.column_stride = size(last ? image.pitch : 1);
    args.channel_stride = last ? 1 : image.shape[2] * image.pitch;
    args.image_stride = last ? image.shape[2] * args.row_stride : image.shape[1] * args.channel_stride;
    args.height = size(image.shape[2]);
    args.width = size(image.shape[3]);
    args.pad_y = size(w.pads_begin[0]);
    args.pad_x = size(w.pads_begin[1]);
    args.output_height = size(output.shape[2]);
    args.output_width = size(output.shape[3]);
    args.output_pitch = size(output.pitch);
    const std::int64_t across = base::ceil_div(output.shape[3], tile.columns);
    const std::int64_t down = base::ceil_div(output.shape[2], tile.rows);
    args.tiles = make_divisor(across);
    auto function = std::make_unique<Function>(
        target.device,
        stem_source(shape, tile, image.dtype, output.dtype, pad_code(region), tf32, width, epilogue.text()), "stem",
        shape.shared_bytes(tile));
    const Function::Grid grid{static_cast<unsigned>(across * down), static_cast<unsigned>(shape.tiles()),
                              static_cast<unsigned>(output.shape[0])};
    return std::make_unique<StemKernel>(
        std::move(function), std::move(epilogue),
        device_constant(
            target, context, std::string("stem weights") + (tf32 ? " tf32" : ""),
            [&] { return packed_weights(shape, factors(*context.constant(region.conv->inputs[1]), tf32)); }),
        input, args, grid, tile.rows * tile.columns / (16 * tile.fragment_rows) * 32, tf32);
}

}  // namespace fovea::backend::cuda
