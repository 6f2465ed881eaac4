#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/limits.hpp"
#include "ops/evaluate.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

namespace limits = base::limits;

/// Below this many elements or multiply-adds, folding a node costs about as much as keeping it.
constexpr std::int64_t kSmallWork = 4096;

/// Operators whose output may be far larger than what they read. Folding one of them saves a fill or a copy and may
/// cost a model of a few bytes gigabytes of constants.
bool expands(const ir::Node& node) {
    constexpr std::string_view kOps[] = {"CenterCropPad",  "Concat",   "ConstantOfShape", "Expand", "EyeLike", "Gather",
                                         "GatherElements", "GatherND", "OneHot",          "Pad",    "Range",   "Resize",
                                         "Tile",           "Upsample"};
    return std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps);
}

class Folder {
  public:
    explicit Folder(const View& view) : view_(view) {}

    std::vector<ir::Patch> fold() {
        std::vector<ir::Patch> patches;
        for (const ir::NodeId id : view_.order()) fold(view_.graph().node(id));
        for (const auto& [id, tensor] : folded_) {
            // Constants between folded nodes are not needed.
            if (!read_by_others(id)) continue;
            ir::Patch patch(view_.graph());
            patch.replace(id, patch.constant(tensor));
            patches.push_back(std::move(patch));
        }
        return patches;
    }

  private:
    void fold(const ir::Node& node) {
        const ops::Op* op = ops::find(node.op);
        if (!op || !op->deterministic || keeps_quantised(node)) return;
        if (fold_known(node)) return;
        std::vector<Tensor> inputs;
        for (const ir::ValueId id : node.inputs) {
            inputs.push_back(id == ir::kNone ? Tensor() : constant(id));
            if (id != ir::kNone && !inputs.back()) return;
        }
        if (!affordable(node, *op, inputs)) return;
        auto results = ops::evaluate(node, std::move(inputs));
        for (std::size_t i = 0; i < node.outputs.size() && i < results.size(); ++i)
            if (node.outputs[i] != ir::kNone && results[i]) folded_.emplace(node.outputs[i], std::move(results[i]));
    }

    /// Quantised weights stay quantised, for the kernels that compute with them; so does what follows from their
    /// values.
    bool keeps_quantised(const ir::Node& node) {
        const bool follows = std::any_of(node.inputs.begin(), node.inputs.end(),
                                         [&](ir::ValueId id) { return dequantised_.contains(id); });
        if (node.op != "DequantizeLinear" && (!follows || node.op == "Shape" || node.op == "Size")) return false;
        dequantised_.insert(node.outputs.begin(), node.outputs.end());
        return true;
    }

    /// Takes what inference already computed: all outputs constant or sizes that are numbers.
    bool fold_known(const ir::Node& node) {
        std::vector<Tensor> results;
        for (const ir::ValueId id : node.outputs) {
            results.push_back(id == ir::kNone ? Tensor() : known(id));
            if (id != ir::kNone && !results.back()) return false;
        }
        for (std::size_t i = 0; i < results.size(); ++i)
            if (results[i]) folded_.emplace(node.outputs[i], std::move(results[i]));
        return true;
    }

    [[nodiscard]] Tensor known(ir::ValueId id) const {
        const ops::ValueInfo& info = view_.info(id);
        if (info.constant) return info.constant;
        const auto numbers = ir::known_shape(info.content);
        const auto shape = ir::known_shape(info.dims);
        if (!numbers || !shape || info.dtype == DType::undefined) return {};
        return Tensor::vector(*numbers).cast(info.dtype).reshaped(*shape);
    }

    [[nodiscard]] Tensor constant(ir::ValueId id) const {
        if (const Tensor* tensor = view_.constant(id)) return *tensor;
        const auto it = folded_.find(id);
        return it == folded_.end() ? Tensor() : it->second;
    }

    [[nodiscard]] bool affordable(const ir::Node& node, const ops::Op& op, const std::vector<Tensor>& inputs) const {
        ops::ShapeContext context(node);
        std::int64_t output_bytes = 0, elements = 0;
        for (const ir::ValueId id : node.outputs) {
            context.outputs.emplace_back();
            if (id == ir::kNone) continue;
            const auto shape = view_.shape(id);
            if (!shape || view_.dtype(id) == DType::undefined) return false;
            const std::int64_t count = base::element_count(*shape);
            elements += count;
            output_bytes += count * static_cast<std::int64_t>(element_bytes(view_.dtype(id)));
            context.outputs.back() = *shape;
        }
        std::int64_t freed = 0;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            context.inputs.push_back(inputs[i].shape());
            context.input_types.push_back(inputs[i].dtype());
            context.constants.push_back(inputs[i]);
            if (inputs[i] && view_.single_use(node.inputs[i])) freed += static_cast<std::int64_t>(inputs[i].bytes());
        }
        const std::int64_t growth = std::max<std::int64_t>(0, output_bytes - freed);
        if (elements > limits::kFoldElements && output_bytes > 4 * freed) return false;
        if (expands(node) && elements > limits::kFoldExpandedElements && output_bytes > 4 * freed) return false;
        const std::int64_t work = std::max(elements, op.flops ? op.flops(context) / 2 : 0);
        FoldBudget& budget = view_.budget();
        if (growth > budget.bytes || (work > kSmallWork && work > budget.work)) return false;
        budget.bytes -= growth;
        budget.work = std::max<std::int64_t>(0, budget.work - work);
        return true;
    }

    [[nodiscard]] bool read_by_others(ir::ValueId id) const {
        if (view_.is_output(id)) return true;
        for (const ir::NodeId reader : view_.readers(id)) {
            const auto& outputs = view_.graph().node(reader).outputs;
            if (std::any_of(outputs.begin(), outputs.end(),
                            [&](ir::ValueId v) { return v != ir::kNone && !folded_.contains(v); }))
                return true;
        }
        return false;
    }

    const View& view_;
    std::map<ir::ValueId, Tensor> folded_;
    std::set<ir::ValueId> dequantised_;
};

std::vector<ir::Patch> propose(const View& view) { return Folder(view).fold(); }

}  // namespace

Pass fold_constants() {
    return {"fold-constants", "computes what does not depend on the inputs, within a budget", propose};
}

}  // namespace fovea::pass
