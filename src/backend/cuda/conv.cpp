#include "backend/conv_region.hpp"

#include <algorithm>

#include "backend/cuda/conv.hpp"
#include "backend/cuda/vendor.hpp"
#include "backend/cuda/warpgroup_conv.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

ir::NodeId cast_in_front(const MatchContext& context, ir::ValueId value) {
    const ir::NodeId id = context.sole_producer(value);
    if (id == ir::kNone || context.graph.node(id).op != "Cast") return ir::kNone;
    return own_float(context.info(context.graph.node(id).inputs[0]).dtype) ? id : ir::kNone;
}

bool all_equal(const ir::Node& node, const std::string& attribute, std::int64_t value) {
    const auto list = node.get(attribute, std::vector<std::int64_t>{});
    return std::all_of(list.begin(), list.end(), [value](std::int64_t n) { return n == value; });
}

/// Whether tiles can read all sources of a prologue. The convolution's own zeros cannot stand around reflections.
bool readable(const MatchContext& context, const ir::Node& conv, const ConvPrologue& prologue) {
    if (prologue.pad != ConvPrologue::Pad::zero &&
        (!all_equal(conv, "pads", 0) || conv.get<std::string>("auto_pad", "NOTSET").starts_with("SAME")))
        return false;
    return std::all_of(prologue.sources.begin(), prologue.sources.end(), [&](const auto& source) {
        const auto shape = context.shape(source.value);
        return shape && (*shape)[1] % 2 == 0 && !context.graph.constant(source.value);
    });
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Conv") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "convolution takes f32, f16 or bf16");
    if (x->size() != 4) return refuse(Reason::unsupported_shape, "other than two spatial axes");
    if (!context.graph.constant(node.inputs[1]))
        return refuse(Reason::unsupported_shape, "weights computed at run time");
    if (node.inputs.size() > 2 && node.inputs[2] != ir::kNone && !context.graph.constant(node.inputs[2]))
        return refuse(Reason::unsupported_shape, "bias computed at run time");
    std::vector<ir::NodeId> nodes;
    if (context.fuse) {
        const auto prologue = match_prologue(context.graph, context.values, node.inputs[0],
                                             [&](ir::ValueId id) { return context.sole_producer(id); });
        const bool single = node.get<std::int64_t>("group", 1) == 1;
        if (single && !prologue.trivial() && readable(context, node, prologue))
            nodes = prologue.nodes;
        else if (const ir::NodeId cast = cast_in_front(context, node.inputs[0]);
                 single && cast != ir::kNone && stem_window(context.graph.constant(node.inputs[1])->shape(), node))
            nodes = {cast};
    }
    nodes.push_back(root);
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], kMostSteps, accepts_step, ChainEnd::narrowed);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "conv", std::move(nodes));
}

bool suits_tiles(const RegionContext& context, const Tactic& tactic, const ConvRegion& region) {
    if (region.group != 1 || !pads_in_one_place(region)) return false;
    for (const auto& source : region.prologue.sources) {
        const auto& inputs = context.region.inputs;
        if (std::find(inputs.begin(), inputs.end(), source.value) == inputs.end()) return false;  // behind a cast
    }
    return conv_problem(context, tactic, region).piece() != 0;
}

Tactic slices(Tactic tactic) {
    tactic.reads_slices = tactic.writes_slices = true;
    return tactic;
}

std::vector<Tactic> own_tactics(const Target& target, const RegionContext& context, const ConvRegion& region) {
    std::vector<Tactic> result;
    const Tactic uniform = slices(uniform_tactic(context, "", Layout::channels_last));
    if (suits_stem(context, region)) {
        for (const Layout layout : {Layout::plain, Layout::channels_last})
            for (const std::string& tile : stem_tiles()) {
                Tactic tactic = uniform;
                tactic.reads_slices = false;
                tactic.name = "stem:" + tile + ":" + std::string(to_string(layout));
                tactic.inputs[stem_input(context, region)] = layout;
                result.push_back(std::move(tactic));
            }
    }
    for (const std::string& name : stem_warpgroup_tactics(target, context, region)) {
        Tactic tactic = uniform;
        tactic.reads_slices = false;
        tactic.name = name;
        tactic.inputs[stem_input(context, region)] = Layout::plain;
        result.push_back(std::move(tactic));
    }
    if (suits_tiles(context, uniform, region))
        for (const std::string& name : product_tactics(target, conv_problem(context, uniform, region))) {
            result.push_back(uniform);
            result.back().name = name;
        }
    if (suits_depthwise(context, region)) {
        result.push_back(uniform);
        result.back().name = "depthwise";
    }
    if (suits_direct(context, region) && (result.empty() || region.group > 1)) {
        result.push_back(uniform);
        result.back().name = "direct";
    }
    add_plain_outputs(context, result);
    return result;
}

std::unique_ptr<Kernel> prepare_own(const Target& target, const RegionContext& context, const Tactic& tactic,
                                    const ConvRegion& region) {
    if (tactic.name == "direct" || tactic.name == "depthwise") return prepare_direct(target, context, tactic, region);
    if (tactic.name.starts_with("stem:wg")) return prepare_stem_warpgroup(target, context, tactic, region);
    if (tactic.name.starts_with("stem:")) return prepare_stem(target, context, tactic, region);
    return make_product_kernel(target, context, tactic, conv_problem(context, tactic, region), region.epilogue,
                               bias_of(context, region));
}

std::vector<Tactic> library_tactics(const Target& target, const RegionContext& context, const ConvRegion& region,
                                    const std::vector<Tactic>& own) {
    const auto epilogue = vendor_epilogue(context, region.epilogue, bias_of(context, region));
    const Tactic* like = stand_in(uniform_tactic(context, "", Layout::channels_last), own);
    if (!epilogue || !like || !region.prologue.trivial()) return {};
    std::vector<Tactic> result;
    if (suits_tiles(context, *like, region))
        result = cublaslt_tactics(target, context, *like, conv_problem(context, *like, region), *epilogue);
    for (Tactic& tactic : cudnn_tactics(target, context, *like, region, *epilogue)) result.push_back(std::move(tactic));
    return result;
}

/// Nothing where an own kernel must stand in.
std::unique_ptr<Kernel> prepare_library(const Target& target, const RegionContext& context, const Tactic& tactic,
                                        const ConvRegion& region, const VendorName& name) {
    const auto epilogue = vendor_epilogue(context, region.epilogue, bias_of(context, region));
    if (!epilogue) return nullptr;
    if (name.library == "cublaslt")
        return prepare_cublaslt(target, context, tactic, name, conv_problem(context, tactic, region), *epilogue);
    return prepare_cudnn(target, context, tactic, name, region, *epilogue);
}

std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    const ConvRegion region = read_conv(context);
    std::vector<Tactic> result = own_tactics(target, context, region);
    for (Tactic& tactic : library_tactics(target, context, region, result)) result.push_back(std::move(tactic));
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ConvRegion region = read_conv(context);
    const auto name = vendor_name(tactic.name);
    if (!name) return prepare_own(target, context, tactic, region);
    if (auto kernel = prepare_library(target, context, tactic, region, *name)) return kernel;
    return prepare_own(target, context, own_tactic(tactic, *name), region);
}

}  // namespace

std::int64_t pad_code(const ConvRegion& region) {
    switch (region.prologue.pad) {
        case ConvPrologue::Pad::reflect: return 1;
        case ConvPrologue::Pad::edge: return 2;
        default: return 0;
    }
}

MmaProblem conv_problem(const RegionContext& context, const Tactic& tactic, const ConvRegion& region) {
    MmaProblem p;
    const TensorDesc output = channel_rows(context.output_desc(0, tactic));
    p.type = context.dtype(region.conv->inputs[0]);
    p.result = output.dtype;
    for (const auto& source : region.prologue.sources) {
        const std::size_t input = context.input_index(source.value);
        const TensorDesc desc = context.input_desc(input, tactic);
        p.sources.push_back(
            {input, desc.shape[1], source.upsample, desc.pitch, offset_of(context.input_offsets, input)});
    }
    p.outputs = output.shape[1];
    p.output_pitch = output.pitch;
    p.output_offset = offset_of(context.output_offsets, 0);
    const auto& w = region.window;
    p.taps_y = w.kernel[0];
    p.taps_x = w.kernel[1];
    p.stride_y = w.strides[0];
    p.stride_x = w.strides[1];
    p.dilation_y = w.dilations[0];
    p.dilation_x = w.dilations[1];
    p.pad = pad_code(region);
    p.pad_y = w.pads_begin[0] + region.prologue.pads_begin[0];
    p.pad_x = w.pads_begin[1] + region.prologue.pads_begin[1];
    p.batch = output.shape[0];
    const Shape first = context.shape(region.prologue.sources[0].value);
    p.height = first[2] * region.prologue.sources[0].upsample;
    p.width = first[3] * region.prologue.sources[0].upsample;
    p.output_height = output.shape[2];
    p.output_width = output.shape[3];
    p.weights = context.constant(region.conv->inputs[1]);
    p.channel_stride = p.taps_y * p.taps_x;
    p.output_stride = p.channel_stride * p.channels();
    return p;
}

CudaFamily conv_kernels() { return {"conv", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
