#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "backend/cpu/families.hpp"
#include "backend/cpu/simd/quantise.hpp"
#include "base/parallel.hpp"

/// Quantisation by numbers that are known at run time only: DynamicQuantizeLinear, and DequantizeLinear by one scale.
namespace fovea::backend::cpu {
namespace {

constexpr std::int64_t kBlock = 16384;

struct Range {
    float low = 0, high = 0;
};

/// Calls `body(block, first element, count)` for all blocks of a tensor.
template <class Body>
void for_blocks(std::int64_t count, const Body& body) {
    base::parallel_for((count + kBlock - 1) / kBlock, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block)
            body(block, block * kBlock, std::min(kBlock, count - block * kBlock));
    });
}

/// u8 numbers, their scale and their zero point, so that 0 and the least and largest element are inside.
class QuantiseKernel final : public Kernel {
  public:
    explicit QuantiseKernel(const RegionContext& context)
        : count_(base::element_count(context.shape(context.node(0).inputs[0]))) {
        const auto& outputs = context.region.outputs;
        for (std::size_t i = 0; i < places_.size(); ++i)
            places_[i] = std::find(outputs.begin(), outputs.end(), context.node(0).outputs[i]) - outputs.begin();
        wanted_ = static_cast<std::ptrdiff_t>(outputs.size());
    }

    void run(const KernelArgs& args) const override {
        const auto* x = reinterpret_cast<const float*>(args.inputs[0]);
        const Range range = range_of(x, reinterpret_cast<Range*>(args.workspace));
        const float scale = range.low == range.high ? 1 : (range.high - range.low) / 255;
        const float zero = std::nearbyint(std::clamp(-range.low / scale, 0.0f, 255.0f));
        if (std::byte* y = output(args, 0))
            for_blocks(count_, [&](std::int64_t, std::int64_t first, std::int64_t count) {
                simd::quantise({scale, zero}, x + first, y + first, static_cast<std::size_t>(count));
            });
        if (std::byte* y = output(args, 1)) *reinterpret_cast<float*>(y) = scale;
        if (std::byte* y = output(args, 2)) *y = static_cast<std::byte>(zero);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override {
        return static_cast<std::size_t>((count_ + kBlock - 1) / kBlock) * sizeof(Range);
    }
    [[nodiscard]] std::string implementation() const override { return "own"; }

  private:
    [[nodiscard]] std::byte* output(const KernelArgs& args, std::size_t i) const {
        return places_[i] < wanted_ ? args.outputs[places_[i]] : nullptr;
    }

    Range range_of(const float* x, Range* blocks) const {
        for_blocks(count_, [&](std::int64_t block, std::int64_t first, std::int64_t count) {
            float low = 0, high = 0;
#pragma omp simd reduction(min : low) reduction(max : high)
            for (std::int64_t i = first; i < first + count; ++i) {
                low = x[i] < low ? x[i] : low;
                high = x[i] > high ? x[i] : high;
            }
            blocks[block] = {low, high};
        });
        Range range;
        for (std::int64_t block = 0; block * kBlock < count_; ++block)
            range = {std::min(range.low, blocks[block].low), std::max(range.high, blocks[block].high)};
        return range;
    }

    std::int64_t count_;
    std::array<std::ptrdiff_t, 3> places_{};
    std::ptrdiff_t wanted_ = 0;
};

class DequantiseKernel final : public Kernel {
  public:
    explicit DequantiseKernel(const RegionContext& context)
        : count_(base::element_count(context.shape(context.node(0).inputs[0]))) {
        const auto& inputs = context.node(0).inputs;
        signed_ = context.dtype(inputs[0]) == DType::i8;
        stored_ = context.input_index(inputs[0]);
        scale_ = context.input_index(inputs[1]);
        if (inputs.size() > 2) zero_ = context.input_index(inputs[2]);
    }

    void run(const KernelArgs& args) const override {
        simd::Dequantise numbers{*reinterpret_cast<const float*>(args.inputs[scale_]), 0, signed_};
        if (zero_) {
            const std::byte zero = *args.inputs[*zero_];
            numbers.zero = signed_ ? static_cast<std::int8_t>(zero) : static_cast<float>(zero);
        }
        for_blocks(count_, [&](std::int64_t, std::int64_t first, std::int64_t count) {
            simd::dequantise(numbers, args.inputs[stored_] + first, reinterpret_cast<float*>(args.outputs[0]) + first,
                             static_cast<std::size_t>(count));
        });
    }
    [[nodiscard]] std::string implementation() const override { return "own"; }

  private:
    std::int64_t count_;
    std::size_t stored_ = 0, scale_ = 0;
    std::optional<std::size_t> zero_;
    bool signed_ = false;
};

bool single(const MatchContext& context, ir::ValueId id) {
    const auto shape = context.shape(id);
    return shape && base::element_count(*shape) == 1;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    const bool quantises = node.op == "DynamicQuantizeLinear";
    if (!quantises && node.op != "DequantizeLinear") return refuse(Reason::unsupported_operator);
    if (!context.shape(node.inputs[0])) return refuse(Reason::shape_depends_on_data);
    if (quantises) return make_region(context, "quantise_dynamic", {root});
    const DType stored = context.info(node.inputs[0]).dtype;
    if ((stored != DType::u8 && stored != DType::i8) || context.info(node.outputs[0]).dtype != DType::f32 ||
        context.info(node.inputs[1]).dtype != DType::f32)
        return refuse(Reason::unsupported_dtype, "not from 8 bits to f32");
    if (node.get<std::int64_t>("block_size", 0) != 0 || !single(context, node.inputs[1]) ||
        (node.inputs.size() > 2 && !single(context, node.inputs[2])))
        return refuse(Reason::unsupported_shape, "more than one scale");
    return make_region(context, "quantise_dynamic", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "own:plain", Layout::plain)};
    if (has_channels(context, context.node(0).inputs[0]))
        result.push_back(uniform_tactic(context, "own:channels_last", Layout::channels_last));
    return result;
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic&) {
    if (context.node(0).op == "DynamicQuantizeLinear") return std::make_unique<QuantiseKernel>(context);
    return std::make_unique<DequantiseKernel>(context);
}

}  // namespace

Family quantise_dynamic_family() { return {"quantise_dynamic", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
