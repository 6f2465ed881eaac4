#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/source.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

/// A tensor as [outer][rows][columns]; which of channels and pixels are rows follows from the target's neighbours.
struct Strides {
    std::int64_t outer, channel, pixel;
};

Strides strides_of(const TensorDesc& desc, std::int64_t channels, std::int64_t pixels) {
    if (desc.layout == Layout::channels_last) return {pixels * desc.pitch, 1, desc.pitch};
    return {channels * pixels, pixels, 1};
}

class CopyKernel final : public Kernel {
  public:
    CopyKernel(std::unique_ptr<Function> function, const CopyArgs& args, Function::Grid grid)
        : function_(std::move(function)), args_(args), grid_(grid) {}
    void run(const KernelArgs& args) const override {
        CopyArgs launch = args_;
        launch.input = args.inputs[0];
        launch.output = args.outputs[0];
        function_->launch(*args.stream, grid_, 256, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return "copy through shared memory"; }

  private:
    std::unique_ptr<Function> function_;
    CopyArgs args_;
    Function::Grid grid_;
};

/// What elements are moved as when their type stays.
std::string_view word(DType type) {
    switch (element_bytes(type)) {
        case 1: return "word8";
        case 2: return "f16";
        case 4: return "float";
        default: return "word64";
    }
}

unsigned blocks(std::int64_t n) { return static_cast<unsigned>((n + 31) / 32); }

}  // namespace

namespace {

bool one_row(const Shape& s) { return s.size() == 4 && (s[1] == 1 || s[2] * s[3] == 1); }

}  // namespace

TensorDesc channel_rows(const TensorDesc& desc) {
    if (desc.layout == Layout::channels_last || !one_row(desc.shape)) return desc;
    return TensorDesc::dense(desc.dtype, desc.shape, Layout::channels_last);
}

void add_plain_outputs(const RegionContext& context, std::vector<Tactic>& tactics) {
    if (!one_row(context.shape(context.region.outputs[0]))) return;
    for (std::size_t i = 0, count = tactics.size(); i < count; ++i) {
        if (tactics[i].outputs[0] == Layout::plain) continue;
        tactics.push_back(tactics[i]);
        tactics.back().outputs[0] = Layout::plain;
        tactics.back().writes_slices = false;
    }
}

std::unique_ptr<Kernel> make_copy(const Target& target, const TensorDesc& from, const TensorDesc& to) {
    const bool converts = from.dtype != to.dtype;
    if (converts && (!own_float(from.dtype) || !own_float(to.dtype)))
        throw Error(ErrorCode::internal, "a conversion between these element types is an operator, not a copy");
    // A plain tensor of one layout on both sides is rows; otherwise channels and pixels of images.
    const Shape& s = from.shape;
    const bool images = from.layout == Layout::channels_last || to.layout == Layout::channels_last;
    std::int64_t outer = 1, channels = from.rows(), pixels = from.row();
    Strides source{0, from.pitch, 1}, result{0, to.pitch, 1};
    if (images) {
        outer = s[0];
        channels = s[1];
        pixels = base::element_count(s) / (outer * channels);
        source = strides_of(from, channels, pixels);
        result = strides_of(to, channels, pixels);
    }
    CopyArgs args{};
    args.outer = static_cast<int>(outer);
    args.source_outer = source.outer;
    args.target_outer = result.outer;
    // Columns are the source's neighbours.
    const bool by_pixel = source.pixel == 1;
    args.rows = static_cast<int>(by_pixel ? channels : pixels);
    args.columns = static_cast<int>(by_pixel ? pixels : channels);
    args.source_row = by_pixel ? source.channel : source.pixel;
    args.source_column = by_pixel ? source.pixel : source.channel;
    args.target_row = by_pixel ? result.channel : result.pixel;
    args.target_column = by_pixel ? result.pixel : result.channel;
    KernelSource code;
    const std::string_view in = converts ? type_name(from.dtype) : word(from.dtype),
                           out = converts ? type_name(to.dtype) : word(to.dtype);
    code.text("using In = " + std::string(in) + ";\nusing Out = " + std::string(out) + ";\n");
    code.constant("kTurned", args.target_column != 1);
    const Function::Grid grid{blocks(args.columns), std::min(blocks(args.rows), 65535u),
                              static_cast<unsigned>(std::min<std::int64_t>(outer, 65535))};
    if (blocks(args.rows) > 65535) throw Error(ErrorCode::unsupported, "more rows than one copy on the GPU takes");
    return std::make_unique<CopyKernel>(std::make_unique<Function>(target.device, code.finish("copy.cuh"), "copy"),
                                        args, grid);
}

}  // namespace fovea::backend::cuda
