#include "backend/cpu/conv_own.hpp"

#include <algorithm>

#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "backend/cpu/simd/target.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {

std::vector<std::int32_t> source_index(const ConvPrologue& prologue, const ConvPrologue::Source& source,
                                       const TensorDesc& desc, std::size_t axis, int count, std::int64_t zeros_begin,
                                       std::int64_t zeros_end) {
    const auto mode = prologue.pad == ConvPrologue::Pad::reflect ? simd::PadMode::reflect
                      : prologue.pad == ConvPrologue::Pad::edge  ? simd::PadMode::edge
                                                                 : simd::PadMode::zero;
    std::vector<std::int32_t> entries(static_cast<std::size_t>(count));
    simd::fill_source_index(entries.data(), count, static_cast<int>(desc.shape[axis + 2]),
                            static_cast<int>(prologue.pads_begin[axis] + zeros_begin),
                            static_cast<int>(prologue.pads_end[axis] + zeros_end), mode,
                            static_cast<int>(source.upsample));
    return entries;
}

std::vector<ConvSource> conv_sources(const RegionContext& context, const Tactic& tactic, const ConvRegion& region,
                                     int rows, int columns, simd::PatchSource* sources) {
    std::vector<ConvSource> result;
    for (std::size_t i = 0; i < region.prologue.sources.size(); ++i) {
        const auto& source = region.prologue.sources[i];
        const std::size_t input = context.input_index(source.value);
        const TensorDesc desc = context.input_desc(input, tactic);
        sources[i].pitch = pitch_of(desc);
        sources[i].channels = static_cast<int>(desc.shape[1]);
        const auto table = [&](int count, std::size_t axis) {
            return source_index(region.prologue, source, desc, axis, count, region.window.pads_begin[axis],
                                region.window.pads_end[axis]);
        };
        result.push_back({input, table(rows, 0), table(columns, 1)});
    }
    return result;
}

int set_epilogue(const RegionContext& context, const Tactic& tactic, const SimdEpilogue& steps,
                 simd::Epilogue& epilogue) {
    epilogue = steps.steps;
    if (steps.residual == ir::kNone) return -1;
    const std::size_t residual = context.input_index(steps.residual);
    epilogue.residual_pitch = pitch_of(context.input_desc(residual, tactic));
    return static_cast<int>(residual);
}

namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Conv") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!onednn_float(type))
        return refuse(Reason::unsupported_dtype, "convolution takes f32, bf16 or, with AVX-512 FP16, f16");
    if (x->size() > 5) return refuse(Reason::unsupported_shape, "more than three spatial axes");
    if (!context.graph.constant(node.inputs[1]))
        return refuse(Reason::unsupported_shape, "weights computed at run time");
    if (node.inputs.size() > 2 && node.inputs[2] != ir::kNone && !context.graph.constant(node.inputs[2]))
        return refuse(Reason::unsupported_shape, "bias computed at run time");
    std::vector<ir::NodeId> nodes;
    if (context.fuse && x->size() == 4)
        nodes = match_prologue(context.graph, context.values, node.inputs[0], [&](ir::ValueId id) {
                    return context.sole_producer(id);
                }).nodes;
    nodes.push_back(root);
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], 6, accepts_post_op);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "conv", std::move(nodes));
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "onednn", Layout::channels_last)};
    const ConvRegion region = read_conv(context);
    if (region.input.size() != 4) return result;
    // Tiles multiply faster than Winograd's algorithm saves multiplications.
    const bool tiles = simd::target_has_tiles() && context.dtype(region.conv->inputs[0]) == DType::bf16;
    if (!tiles && suits_winograd(context, region)) {
        for (const char* name : {"winograd:f32", "winograd:i16"}) {
            if (name == std::string_view("winograd:i16") && !winograd_in_words(context, region)) continue;
            result.push_back(uniform_tactic(context, name, Layout::channels_last));
            result.back().writes_slices = result.back().reads_slices = true;
        }
    }
    if (suits_tiles(context, region)) {
        result.push_back(uniform_tactic(context, "tiles", Layout::channels_last));
        result.back().writes_slices = result.back().reads_slices = true;
    }
    if (suits_stem(context, region)) {
        result.push_back(uniform_tactic(context, "stem:channels_last", Layout::channels_last));
        result.push_back(uniform_tactic(context, "stem:plain", Layout::channels_last));
        result.back().inputs[context.input_index(region.conv->inputs[0])] = Layout::plain;
    }
    if (suits_depthwise(context, region)) {
        result.push_back(uniform_tactic(context, "depthwise", Layout::channels_last));
        result.back().writes_slices = result.back().reads_slices = true;
    }
    if (suits_narrow(context, region)) {
        result.push_back(uniform_tactic(context, "narrow:channels_last", Layout::channels_last));
        result.push_back(uniform_tactic(context, "narrow:plain", Layout::channels_last));
        result.back().outputs[0] = Layout::plain;
    }
    return result;
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    if (tactic.name.starts_with("winograd:")) return prepare_winograd(context, tactic);
    if (tactic.name == "tiles") return prepare_tiles(context, tactic);
    if (tactic.name == "depthwise") return prepare_depthwise(context, tactic);
    if (tactic.name.starts_with("stem:")) return prepare_stem(context, tactic);
    if (tactic.name.starts_with("narrow:")) return prepare_narrow(context, tactic);
    return prepare_onednn_conv(context, tactic);
}

}  // namespace

Family conv_family() { return {"conv", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
