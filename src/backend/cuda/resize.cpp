#include "ops/resize_axis.hpp"

#include <algorithm>

#include "backend/cuda/pixels.hpp"
#include "backend/cuda/resize.hpp"
#include "backend/cuda/simple_kernel.hpp"
#include "backend/cuda/source.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

constexpr std::size_t kMostTaps = 8;

}  // namespace

std::optional<ResizeTaps> resize_taps(const ir::Node& node, const ops::ValueTable& values, const Shape& x,
                                      const Shape& y) {
    std::vector<Tensor> inputs;
    for (const ir::ValueId id : node.inputs)
        inputs.push_back(id == ir::kNone ? Tensor() : values[static_cast<std::size_t>(id)].constant);
    const ops::NodeView view(node);
    const ops::ResizeMode mode = ops::resize_mode(view);
    const auto axes = ops::resize_geometry(view, mode, x, y, inputs);
    if (!axes) return std::nullopt;
    std::vector<std::vector<ops::ResizeTap>> lists[2];
    ResizeTaps taps;
    for (std::size_t axis = 0; axis < 2; ++axis)
        for (std::int64_t place = 0; place < y[axis + 2]; ++place) {
            auto list = ops::resize_taps(mode, (*axes)[axis + 2], place);
            if (!list || list->size() > kMostTaps) return std::nullopt;
            taps.count = std::max(taps.count, list->size());
            lists[axis].push_back(std::move(*list));
        }
    for (std::size_t axis = 0; axis < 2; ++axis)
        for (const auto& list : lists[axis])
            for (std::size_t i = 0; i < taps.count; ++i) {
                ResizeTap tap{static_cast<int>(list[0].place), 0};
                if (i < list.size()) tap = {static_cast<int>(list[i].place), static_cast<float>(list[i].weight)};
                (axis == 0 ? taps.rows : taps.columns).push_back(tap);
            }
    return taps;
}

namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Resize") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]);
    if (!x || !y) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "resizing takes f32, f16 or bf16");
    if (x->size() != 4 || (*x)[0] != (*y)[0] || (*x)[1] != (*y)[1])
        return refuse(Reason::unsupported_shape, "other than two spatial axes");
    if (!resize_taps(node, context.values, *x, *y))
        return refuse(Reason::unsupported_attribute, "positions outside the image, or antialias over many pixels");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], kMostSteps, accepts_step, ChainEnd::narrowed);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "resize", std::move(nodes));
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    Tactic tactic = uniform_tactic(context, "taps", Layout::channels_last);
    tactic.reads_slices = tactic.writes_slices = true;
    Tactic planes = tactic;
    planes.name = "planes";
    planes.outputs[0] = Layout::plain;
    planes.writes_slices = false;
    return {tactic, planes};
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), output = context.output_desc(0, tactic);
    const auto taps = resize_taps(node, context.values, source.shape, output.shape);
    if (!taps) throw Error(ErrorCode::unsupported, "positions outside the image, or antialias over many pixels");
    EpilogueCode epilogue(target, context, tactic, read_epilogue(context, node.outputs[0], 1), {});
    const bool planes = tactic.outputs[0] == Layout::plain;
    const int width = planes ? 1
                             : epilogue.width(common_width(
                                   8, {output.shape[1], source.pitch, output.pitch,
                                       offset_of(context.input_offsets, input), offset_of(context.output_offsets, 0)}));
    KernelSource code;
    code.type("In", source.dtype).type("Out", output.dtype);
    if (!planes) code.constant("kWidth", width);
    code.constant("kChannels", source.shape[1]).constant("kTaps", static_cast<std::int64_t>(taps->count));
    code.text(epilogue.text()).text(kernel_text("pixel.cuh"));
    // The tables depend on the shapes: they are this kernel's own.
    std::vector<PackedConstants::Block> blocks = {target.device->upload(std::as_bytes(std::span(taps->rows))),
                                                  target.device->upload(std::as_bytes(std::span(taps->columns)))};
    ResizeArgs args{};
    set_pixels(args, source, output);
    args.row_taps = blocks[0].get();
    args.column_taps = blocks[1].get();
    return std::make_unique<SimpleKernel<ResizeArgs>>(
        std::make_unique<Function>(target.device, code.finish(planes ? "resize_planes.cuh" : "resize.cuh"),
                                   planes ? "resize_planes" : "resize"),
        std::move(epilogue), args, input, args.rows * (planes ? 1 : output.shape[1] / width), "own taps",
        std::move(blocks));
}

}  // namespace

CudaFamily resize_kernels() { return {"resize", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
