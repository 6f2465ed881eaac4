#include "compiler/rounding.hpp"

#include <bit>
#include <cmath>

#include "base/parallel.hpp"
#include "precision/operators.hpp"

namespace fovea::compiler {
namespace {

constexpr int kNarrowBits = 8, kHalfBits = 11, kTf32Bits = 11, kWorkingBits = 16, kSignificand = 24;

/// To the nearest number with `bits` significant bits, ties to even; those of f16 end at its smallest number.
void round_row(float* row, std::int64_t width, int bits) {
    const std::uint32_t drop = static_cast<std::uint32_t>(kSignificand - bits), mask = (1u << drop) - 1;
    for (std::int64_t i = 0; i < width; ++i) {
        if (bits == kHalfBits && std::fabs(row[i]) < 0x1p-14f) {
            row[i] = std::nearbyint(row[i] * 0x1p24f) * 0x1p-24f;
            continue;
        }
        const auto word = std::bit_cast<std::uint32_t>(row[i]);
        const std::uint32_t rounded = (word + (mask >> 1) + (word >> drop & 1)) & ~mask;
        if (std::isfinite(row[i])) row[i] = std::bit_cast<float>(rounded);
    }
}

Tensor rounded_copy(const Tensor& tensor, int bits) {
    Tensor result = tensor.clone();
    const std::span<float> elements = result.as<float>();
    base::parallel_for(result.size(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
        round_row(elements.data() + begin, end - begin, bits);
    });
    return result;
}

bool quantises(const std::string& op) { return op == "QuantizeLinear" || op == "DynamicQuantizeLinear"; }

}  // namespace

int significant_bits(DType type) { return type == DType::bf16 ? kNarrowBits : type == DType::f16 ? kHalfBits : 0; }

Rounding::Rounding(const ir::Graph& network, const ir::Graph& plan, bool tf32)
    : network_(network), working_bits_(tf32 ? kTf32Bits : kWorkingBits) {
    for (const ir::NodeId id : plan.order()) {
        const ir::Node& node = plan.node(id);
        for (const ir::ValueId output : node.outputs) {
            if (output == ir::kNone) continue;
            const DType type = plan.value(output).dtype;
            const int bits = significant_bits(type);
            if (bits == 0) continue;
            narrow_[plan.value(output).name] = bits;
            if (node.op == "Cast") narrow_[plan.value(node.inputs[0]).name] = bits;
        }
    }
    for (const ir::NodeId id : network.order())
        if (const ir::Node& node = network.node(id); quantises(node.op))
            quantised_.insert(network.value(node.inputs[0]).name);
}

ir::Graph Rounding::weights() const {
    ir::Graph rounded = network_;
    for (const ir::NodeId id : network_.order()) {
        const ir::Node& node = network_.node(id);
        if (node.outputs[0] == ir::kNone) continue;
        const auto narrow = narrow_.find(network_.value(node.outputs[0]).name);
        if (narrow == narrow_.end() && working_bits_ == kWorkingBits) continue;
        const int kept = narrow == narrow_.end() ? working_bits_ : narrow->second;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const Tensor* constant = node.inputs[i] == ir::kNone ? nullptr : network_.constant(node.inputs[i]);
            if (!constant || constant->dtype() != DType::f32 || !precision::narrow_input(node, i) ||
                precision::keeps_numbers(node))
                continue;
            rounded.value(node.inputs[i]).constant = rounded_copy(*constant, kept);
        }
    }
    return rounded;
}

int Rounding::bits(const std::string& value) const {
    if (quantised_.contains(value)) return kNarrowBits;
    const auto narrow = narrow_.find(value);
    return narrow == narrow_.end() ? working_bits_ : narrow->second;
}

double Rounding::unit(const std::string& value) const { return std::ldexp(1.0, -bits(value)); }

Tensor Rounding::input(std::size_t index, const Tensor& tensor) const {
    if (tensor.dtype() != DType::f32) return tensor;
    return rounded_copy(tensor, bits(network_.value(network_.inputs[index]).name));
}

void Rounding::apply(const runtime::Engine& engine, const runtime::Program& program,
                     const runtime::Observation& seen) const {
    const plan::Step& step = *seen.launch.step;
    if (step.tactic.alias || step.region.nodes.empty()) return;  // the same memory, or the same numbers, once more
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
        std::byte* data = seen.args.outputs[i];
        const ir::ValueId id = step.region.outputs[i];
        if (!data || network_.value(id).dtype != DType::f32) continue;
        const auto desc = runtime::slot_desc(engine.target(), program.values, step.outputs[i]);
        const std::int64_t rows = desc.rows(), width = desc.row(), pitch = desc.pitch;
        const int kept = bits(network_.value(id).name);
        auto* elements = reinterpret_cast<float*>(data);
#pragma omp parallel for
        for (std::int64_t row = 0; row < rows; ++row) round_row(elements + row * pitch, width, kept);
    }
}

}  // namespace fovea::compiler
