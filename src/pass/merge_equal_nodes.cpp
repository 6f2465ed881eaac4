#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include "base/hash.hpp"
#include "ops/op.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::ValueId;

/// Hash of a tensor's ends; the middle of large weights is compared only when these agree.
std::uint64_t quick_hash(const Tensor& tensor) {
    constexpr std::size_t kEnd = 256;
    const std::span<const std::byte> bytes(tensor.raw(), tensor.bytes());
    if (bytes.size() <= 2 * kEnd) return base::hash_bytes(bytes);
    return base::hash_bytes(bytes.last(kEnd), base::hash_bytes(bytes.first(kEnd)));
}

bool commutative(std::string_view op) {
    constexpr std::string_view kOps[] = {"Add", "And", "Equal", "Max", "Mean", "Min", "Mul", "Or", "Sum", "Xor"};
    return std::find(std::begin(kOps), std::end(kOps), op) != std::end(kOps);
}

/// Gives values with equal content the same number, in one walk along the order.
class Numbering {
  public:
    explicit Numbering(const View& view) : view_(view), number_(static_cast<std::size_t>(view.graph().value_count())) {
        std::iota(number_.begin(), number_.end(), 0);
    }

    std::vector<ir::Patch> merge() {
        for (ValueId id = 0; id < view_.graph().value_count(); ++id)
            if (view_.constant(id) && (!view_.readers(id).empty() || view_.is_output(id))) constant(id);
        for (const ir::NodeId id : view_.order()) node(id);
        return std::move(patches_);
    }

  private:
    void constant(ValueId id) {
        const Tensor& tensor = *view_.constant(id);
        auto& candidates = constants_[{tensor.dtype(), tensor.shape(), quick_hash(tensor)}];
        for (const ValueId other : candidates)
            if (view_.constant(other)->equals(tensor)) return same({id}, {other});
        candidates.push_back(id);
    }

    void node(ir::NodeId id) {
        const ir::Node& node = view_.graph().node(id);
        const ops::Op* op = ops::find(node.op);
        // Each reader of a quantised tensor has its own, see `separate_dequantisers`.
        if (!op || !op->deterministic || node.op == "DequantizeLinear") return;
        std::vector<ValueId> inputs = node.inputs;
        for (ValueId& input : inputs)
            if (input != ir::kNone) input = number_[static_cast<std::size_t>(input)];
        if (commutative(node.op)) std::sort(inputs.begin(), inputs.end());
        auto& candidates = nodes_[{node.op, std::move(inputs)}];
        for (const ir::NodeId other : candidates)
            if (equal(node, view_.graph().node(other))) return same(node.outputs, view_.graph().node(other).outputs);
        candidates.push_back(id);
    }

    static bool equal(const ir::Node& a, const ir::Node& b) {
        if (a.outputs.size() != b.outputs.size() || a.attributes.size() != b.attributes.size()) return false;
        for (std::size_t i = 0; i < a.outputs.size(); ++i)
            if (a.outputs[i] != ir::kNone && b.outputs[i] == ir::kNone) return false;
        return std::equal(
            a.attributes.begin(), a.attributes.end(), b.attributes.begin(),
            [](const auto& x, const auto& y) { return x.first == y.first && ir::equal(x.second, y.second); });
    }

    void same(const std::vector<ValueId>& later, const std::vector<ValueId>& earlier) {
        ir::Patch patch(view_.graph());
        for (std::size_t i = 0; i < later.size(); ++i) {
            if (later[i] == ir::kNone) continue;
            number_[static_cast<std::size_t>(later[i])] = number_[static_cast<std::size_t>(earlier[i])];
            patch.replace(later[i], earlier[i]);
        }
        patches_.push_back(std::move(patch));
    }

    const View& view_;
    std::vector<ValueId> number_;
    std::map<std::tuple<DType, Shape, std::uint64_t>, std::vector<ValueId>> constants_;
    std::map<std::pair<std::string, std::vector<ValueId>>, std::vector<ir::NodeId>> nodes_;
    std::vector<ir::Patch> patches_;
};

std::vector<ir::Patch> propose(const View& view) { return Numbering(view).merge(); }

}  // namespace

Pass merge_equal_nodes() {
    return {"merge-equal-nodes", "keeps one of several equal constants or nodes with equal inputs", propose};
}

}  // namespace fovea::pass
