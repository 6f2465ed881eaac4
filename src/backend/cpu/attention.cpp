#include "backend/cpu/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "backend/cpu/simd/attention.hpp"
#include "backend/cpu/simd/target.hpp"
#include "base/checked.hpp"
#include "base/float_types.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

constexpr std::size_t kMask = 3;

bool has_mask(const ir::Node& node) { return node.inputs.size() > kMask && node.inputs[kMask] != ir::kNone; }

std::optional<Refusal> mask_refusal(const MatchContext& context, ir::ValueId mask) {
    if (!context.shape(mask)) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(mask).dtype;
    if (!own_float(type) && type != DType::boolean)
        return refuse(Reason::unsupported_dtype, "a mask is f32, bf16, f16 or boolean");
    return std::nullopt;
}

std::optional<Refusal> refusal(const MatchContext& context, const ir::Node& node) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (i < 3 && !context.shape(node.inputs[i])) return refuse(Reason::shape_depends_on_data);
        if (i > kMask && node.inputs[i] != ir::kNone)
            return refuse(Reason::unsupported_attribute, "a cache of earlier keys, or lengths");
    }
    for (std::size_t i = 1; i < node.outputs.size(); ++i)
        if (node.outputs[i] != ir::kNone) return refuse(Reason::unsupported_attribute, "more outputs than the result");
    const DType type = context.info(node.inputs[0]).dtype;
    if (!own_float(type)) return refuse(Reason::unsupported_dtype, "attention takes f32, bf16 or f16");
    if (has_mask(node))
        if (auto reason = mask_refusal(context, node.inputs[kMask])) return reason;
    if (node.get<std::int64_t>("is_causal", 0) || node.get("softcap", 0.0f) != 0)
        return refuse(Reason::unsupported_attribute, "causal or capped scores");
    if (node.get<std::int64_t>("left_window_size", -1) >= 0 || node.get<std::int64_t>("right_window_size", -1) >= 0)
        return refuse(Reason::unsupported_attribute, "a window of keys");
    if (node.get("scale", 1.0f) <= 0) return refuse(Reason::unsupported_attribute, "a scale that is not positive");
    const auto q = context.shape(node.inputs[0]), k = context.shape(node.inputs[1]);
    const std::int64_t q_heads = q->size() == 4 ? (*q)[1] : node.get<std::int64_t>("q_num_heads", 0);
    const std::int64_t k_heads = k->size() == 4 ? (*k)[1] : node.get<std::int64_t>("kv_num_heads", 0);
    if (q_heads != k_heads || q_heads == 0 || q->size() != k->size())
        return refuse(Reason::unsupported_attribute, "fewer key heads than query heads");
    if (base::element_count(*q) == 0 || base::element_count(*k) == 0)
        return refuse(Reason::unsupported_shape, "an empty sequence");
    return std::nullopt;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Attention") return refuse(Reason::unsupported_operator);
    if (auto reason = refusal(context, node)) return *reason;
    return make_region(context, "attention", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "simd", Layout::plain)};
    // Only tiles multiply faster than the own kernel's vectors do.
    if (context.dtype(context.node(0).inputs[0]) == DType::bf16 && has_amx() && !has_mask(context.node(0)))
        result.push_back(uniform_tactic(context, "onednn", Layout::plain));
    for (Tactic& tactic : result) tactic.reads_slices = true;
    return result;
}

/// The tensor is [B, H, S, D], or [B, S, H·D] with `heads` given; its rows may be slices of wider ones.
AttentionSide side_of(const TensorDesc& desc, std::int64_t heads) {
    const Shape& shape = desc.shape;
    if (shape.size() == 4)
        return {shape[0],  shape[1], shape[2], shape[3], shape[1] * shape[2] * desc.pitch, shape[2] * desc.pitch,
                desc.pitch};
    const std::int64_t width = shape[2] / heads;
    return {shape[0], heads, shape[1], width, shape[1] * desc.pitch, width, desc.pitch};
}

/// A mask as stored: rows of what is added to the scores, or (boolean) of which keys are seen.
struct Mask {
    std::size_t input;
    DType type;
    std::int64_t rows, columns, pitch;
    std::array<std::int64_t, 3> steps;  ///< rows from one batch, head and query to the next; 0 where they share
};

/// One row as the own kernel reads it: what a score gets, minus infinity for keys that are hidden or that a short mask
/// does not reach. Finite numbers stay far enough from the end of f32 that no score overflows.
void spread_mask_row(const Mask& mask, const std::byte* source, std::int64_t row, std::int64_t keys, float* target) {
    constexpr float kHidden = -std::numeric_limits<float>::infinity(), kLowest = -1e38f;
    const auto add = [&](float x) { return x == kHidden ? kHidden : std::max(x, kLowest); };
    const std::byte* from = source + static_cast<std::size_t>(row * mask.pitch) * element_bytes(mask.type);
    const auto spread = [&]<class T>() {
        const auto* x = reinterpret_cast<const T*>(from);
        for (std::int64_t i = 0; i < mask.columns; ++i) target[i] = add(static_cast<float>(x[i]));
    };
    if (mask.type == DType::f32) {
        spread.operator()<float>();
    } else if (mask.type == DType::bf16) {
        spread.operator()<base::BFloat16>();
    } else if (mask.type == DType::f16) {
        spread.operator()<base::Half>();
    } else {
        for (std::int64_t i = 0; i < mask.columns; ++i) target[i] = from[i] != std::byte{0} ? 0 : kHidden;
    }
    std::fill(target + mask.columns, target + keys, kHidden);
}

class AttentionKernel final : public Kernel {
  public:
    AttentionKernel(const simd::Attention& attention, std::array<std::size_t, 3> inputs, std::optional<Mask> mask,
                    int threads)
        : attention_(attention), inputs_(inputs), mask_(mask), threads_(threads) {}

    [[nodiscard]] std::size_t workspace_bytes() const override {
        return mask_bytes() + simd::attention_workspace(attention_, threads_);
    }
    [[nodiscard]] std::string implementation() const override {
        return attention_.multiply == DType::bf16 && simd::target_has_tiles() ? "own attention on tiles"
                                                                              : "own attention";
    }

    void run(const KernelArgs& args) const override {
        simd::Attention attention = attention_;
        attention.query.data = args.inputs[inputs_[0]];
        attention.key.data = args.inputs[inputs_[1]];
        attention.value.data = args.inputs[inputs_[2]];
        attention.output = args.outputs[0];
        if (mask_) {
            const std::byte* source = args.inputs[mask_->input];
            auto* bias = reinterpret_cast<float*>(args.workspace);
            base::parallel_for(mask_->rows, 4096 / attention.keys + 1, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t row = begin; row < end; ++row)
                    spread_mask_row(*mask_, source, row, attention.keys, bias + row * attention.keys);
            });
            attention.bias = {bias, mask_->steps[0] * attention.keys, mask_->steps[1] * attention.keys,
                              mask_->steps[2] * attention.keys};
        }
        simd::attention(attention, args.workspace + mask_bytes(), threads_);
    }

  private:
    [[nodiscard]] std::size_t mask_bytes() const {
        return mask_ ? static_cast<std::size_t>(base::round_up(mask_->rows * attention_.keys * 4, 64)) : 0;
    }

    simd::Attention attention_;
    std::array<std::size_t, 3> inputs_;
    std::optional<Mask> mask_;
    int threads_;
};

Mask read_mask(const RegionContext& context, const Tactic& tactic) {
    const std::size_t input = context.input_index(context.node(0).inputs[kMask]);
    const TensorDesc desc = context.input_desc(input, tactic);
    Shape shape = desc.shape;
    shape.insert(shape.begin(), 4 - shape.size(), 1);
    const auto step = [](std::int64_t size, std::int64_t rows) { return size == 1 ? 0 : rows; };
    return {input,    desc.dtype, shape[0] * shape[1] * shape[2],
            shape[3], desc.pitch, {step(shape[0], shape[1] * shape[2]), step(shape[1], shape[2]), step(shape[2], 1)}};
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const AttentionRegion region = read_attention(context, tactic);
    if (tactic.name == "onednn") return prepare_onednn_attention(region, context.threads);
    const auto operand = [](const AttentionSide& side) {
        return simd::Attention::Operand{nullptr, side.batch_step, side.head_step, side.row_step};
    };
    simd::Attention attention;
    attention.batch = region.query.batch;
    attention.heads = region.query.heads;
    attention.queries = region.query.rows;
    attention.keys = region.key.rows;
    attention.width = region.query.width;
    attention.value_width = region.value.width;
    attention.type = region.type;
    attention.multiply = region.type == DType::bf16 && simd::target_has_bf16_products() ? DType::bf16 : DType::f32;
    attention.query = operand(region.query);
    attention.key = operand(region.key);
    attention.value = operand(region.value);
    attention.output_batch_step = region.output.batch_step;
    attention.output_head_step = region.output.head_step;
    attention.output_row_step = region.output.row_step;
    attention.scale = region.scale;
    std::optional<Mask> mask;
    if (has_mask(context.node(0))) mask = read_mask(context, tactic);
    return std::make_unique<AttentionKernel>(attention, region.inputs, mask, context.threads);
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
    const std::int64_t heads =
        descs[0].shape.size() == 4 ? descs[0].shape[1] : node.get<std::int64_t>("q_num_heads", 1);
    region.query = side_of(descs[0], heads);
    region.key = side_of(descs[1], heads);
    region.value = side_of(descs[2], heads);
    region.output = side_of(context.output_desc(0, tactic), heads);
    region.scale = node.get("scale", 1.0f / std::sqrt(static_cast<float>(region.query.width)));
    region.type = descs[0].dtype;
    return region;
}

Family attention_family() { return {"attention", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
