#include "backend/cpu/attention.hpp"

#include <algorithm>
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

std::optional<Refusal> refusal(const MatchContext& context, const ir::Node& node) {
    if (auto reason = attention_refusal(context, node)) return reason;
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
    if (context.dtype(context.node(0).inputs[0]) == DType::bf16 && has_amx() && !has_attention_mask(context.node(0)))
        result.push_back(uniform_tactic(context, "onednn", Layout::plain));
    for (Tactic& tactic : result) tactic.reads_slices = true;
    return result;
}

/// One row as the own kernel reads it: what a score gets, minus infinity for keys that are hidden or that a short mask
/// does not reach. Finite numbers stay far enough from the end of f32 that no score overflows.
void spread_mask_row(const AttentionMask& mask, const std::byte* source, std::int64_t row, std::int64_t keys,
                     float* target) {
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
    AttentionKernel(const simd::Attention& attention, std::array<std::size_t, 3> inputs,
                    std::optional<AttentionMask> mask, int threads)
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
    std::optional<AttentionMask> mask_;
    int threads_;
};

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
    std::optional<AttentionMask> mask;
    if (has_attention_mask(context.node(0))) mask = read_attention_mask(context, tactic);
    return std::make_unique<AttentionKernel>(attention, region.inputs, mask, context.threads);
}

}  // namespace

Family attention_family() { return {"attention", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
