#include "backend/attention_region.hpp"

#include <cmath>

#include "backend/family.hpp"

namespace fovea::backend {
namespace {

constexpr std::size_t kMask = 3;

/// The tensor is [B, H, S, D], or [B, S, H·D] with `heads` given; its rows may be slices of wider ones.
AttentionSide side_of(const TensorDesc& desc, std::int64_t heads) {
    const Shape& shape = desc.shape;
    if (shape.size() == 4)
        return {shape[0],  shape[1], shape[2], shape[3], shape[1] * shape[2] * desc.pitch, shape[2] * desc.pitch,
                desc.pitch};
    const std::int64_t width = shape[2] / heads;
    return {shape[0], heads, shape[1], width, shape[1] * desc.pitch, width, desc.pitch};
}

}  // namespace

AttentionRegion read_attention(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    AttentionRegion region;
    std::array<TensorDesc, 3> descs;
    for (std::size_t i = 0; i < 3; ++i) {
        region.inputs[i] = context.input_index(node.inputs[i]);
        descs[i] = context.input_desc(region.inputs[i], tactic);
    }
    const auto heads = node.get<std::int64_t>("q_num_heads", 1), key_heads = node.get<std::int64_t>("kv_num_heads", 1);
    region.query = side_of(descs[0], heads);
    region.key = side_of(descs[1], key_heads);
    region.value = side_of(descs[2], key_heads);
    region.output = side_of(context.output_desc(0, tactic), region.query.heads);
    region.scale = node.get("scale", 1.0f / std::sqrt(static_cast<float>(region.query.width)));
    region.type = descs[0].dtype;
    return region;
}

bool has_attention_mask(const ir::Node& attention) {
    return attention.inputs.size() > kMask && attention.inputs[kMask] != ir::kNone;
}

AttentionMask read_attention_mask(const RegionContext& context, const Tactic& tactic) {
    const std::size_t input = context.input_index(context.node(0).inputs[kMask]);
    const TensorDesc desc = context.input_desc(input, tactic);
    Shape shape = desc.shape;
    shape.insert(shape.begin(), 4 - shape.size(), 1);
    const auto step = [](std::int64_t size, std::int64_t rows) { return size == 1 ? 0 : rows; };
    return {input,    desc.dtype, shape[0] * shape[1] * shape[2],
            shape[3], desc.pitch, {step(shape[0], shape[1] * shape[2]), step(shape[1], shape[2]), step(shape[2], 1)}};
}

std::optional<Refusal> attention_refusal(const MatchContext& context, const ir::Node& attention) {
    for (std::size_t i = 0; i < attention.inputs.size(); ++i) {
        if (attention.inputs[i] == ir::kNone) continue;
        if (i > kMask) return refuse(Reason::unsupported_attribute, "a cache of earlier keys, or lengths");
        const auto shape = context.shape(attention.inputs[i]);
        if (!shape) return refuse(Reason::shape_depends_on_data);
        if (base::element_count(*shape) == 0) return refuse(Reason::unsupported_shape, "an empty sequence");
    }
    for (std::size_t i = 1; i < attention.outputs.size(); ++i)
        if (attention.outputs[i] != ir::kNone)
            return refuse(Reason::unsupported_attribute, "more outputs than the result");
    const DType type = context.info(attention.inputs[0]).dtype;
    if (!own_float(type)) return refuse(Reason::unsupported_dtype, "attention takes f32, bf16 or f16");
    if (!has_attention_mask(attention)) return std::nullopt;
    const DType mask = context.info(attention.inputs[kMask]).dtype;
    if (!own_float(mask) && mask != DType::boolean)
        return refuse(Reason::unsupported_dtype, "a mask is f32, bf16, f16 or boolean");
    return std::nullopt;
}

}  // namespace fovea::backend
