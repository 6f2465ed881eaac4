#include "precision/convert.hpp"

#include <algorithm>
#include <cmath>

#include "fovea/error.hpp"
#include "ops/infer.hpp"
#include "ops/onnx_type.hpp"
#include "precision/operators.hpp"
#include "precision/weights.hpp"

namespace fovea::precision {
namespace {

using ir::kNone;
using ir::Node;
using ir::NodeId;
using ir::ValueId;

constexpr std::string_view kOverflow = "a constant is beyond the range of f16";

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

bool is_called(const Node& node, const std::string& name) {
    return node.name == name || std::find(node.origins.begin(), node.origins.end(), name) != node.origins.end();
}

class Converter {
  public:
    Converter(const ir::Graph& source, const Policy& policy)
        : source_(source),
          policy_(policy),
          order_(source.order()),
          readers_(source.consumers()),
          type_(at(source.node_count())),
          reason_(type_.size()) {}

    std::vector<Choice> convert(ir::Graph& result) {
        for (const auto& [name, type] : policy_.pins) check_pin(name, type);
        for (auto it = order_.rbegin(); it != order_.rend(); ++it) decide(*it);
        keep_input_side();
        build();
        result = std::move(result_);
        return std::move(choices_);
    }

  private:
    // ---- which type each node computes in
    void check_pin(const std::string& name, DType type) const {
        if (type != DType::f32 && type != policy_.type)
            throw Error(ErrorCode::invalid_argument, "expected f32 or " + std::string(to_string(policy_.type)) +
                                                         ", found " + std::string(to_string(type)))
                .in("pin of node " + name);
        check_pinned(source_, name);
    }

    [[nodiscard]] bool is_f32(ValueId id) const { return id != kNone && source_.value(id).dtype == DType::f32; }

    /// A tensor that is narrow for a narrow node: f32, computed, and not a parameter.
    [[nodiscard]] bool has_data(const Node& node) const {
        for (std::size_t i = 0; i < node.inputs.size(); ++i)
            if (is_f32(node.inputs[i]) && narrow_input(node, i) && !source_.constant(node.inputs[i])) return true;
        return false;
    }

    /// Whether everything that reads the node's results wants them in f32.
    [[nodiscard]] bool only_f32_readers(const Node& node) const {
        for (const ValueId id : node.outputs) {
            if (!is_f32(id)) continue;
            for (const NodeId reader : readers_[at(id)]) {
                const Node& other = source_.node(reader);
                if (type_[at(reader)] != policy_.type) continue;
                for (std::size_t i = 0; i < other.inputs.size(); ++i)
                    if (other.inputs[i] == id && narrow_input(other, i)) return false;
            }
        }
        return true;
    }

    /// The sum with a constant behind a product is its bias: one kernel with it.
    [[nodiscard]] bool is_bias(const Node& node) const {
        if (node.op != "Add" || node.inputs.size() != 2 || !source_.constant(node.inputs[1])) return false;
        const NodeId producer = source_.value(node.inputs[0]).producer;
        return producer != kNone && source_.node(producer).op == "MatMul";
    }

    /// Kernels of 8 bits take such a node as it is.
    [[nodiscard]] bool reads_quantised(const Node& node) const {
        const NodeId producer =
            node.inputs.empty() || node.inputs[0] == kNone ? kNone : source_.value(node.inputs[0]).producer;
        return producer != kNone && source_.node(producer).op == "DequantizeLinear";
    }

    /// Whether a constant that the node would read in f16 is beyond its range.
    [[nodiscard]] bool overflows(const Node& node) const {
        if (policy_.type != DType::f16 || keeps_numbers(node)) return false;
        constexpr float kInfinite = 65520;  // rounds to infinity
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            if (!is_f32(node.inputs[i]) || !narrow_input(node, i)) continue;
            const Tensor* tensor = source_.constant(node.inputs[i]);
            if (!tensor) continue;
            const auto numbers = tensor->as<float>();
            if (std::any_of(numbers.begin(), numbers.end(),
                            [](float x) { return std::isfinite(x) && std::fabs(x) >= kInfinite; }))
                return true;
        }
        return false;
    }

    void decide(NodeId id) {
        const Node& node = source_.node(id);
        type_[at(id)] = DType::f32;
        const bool real = std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return is_f32(v); });
        const std::string_view kept = overflows(node) ? kOverflow : keeps_f32(node.op);
        for (const auto& [name, type] : policy_.pins) {
            if (!is_called(node, name)) continue;
            if (type == policy_.type && (!kept.empty() || !has_data(node)))
                throw Error(ErrorCode::contract, "the operator " + node.op + " stays f32: " +
                                                     std::string(kept.empty() ? "it has no f32 data" : kept) +
                                                     "; remove the pin")
                    .in("pin of node " + name);
            type_[at(id)] = type;
            reason_[at(id)] = type == DType::f32 ? "pinned" : "";
            return;
        }
        if (!kept.empty())
            reason_[at(id)] = kept;
        else if (reads_quantised(node))
            reason_[at(id)] = "quantised in the model";
        else if (!has_data(node))
            reason_[at(id)] = "has no f32 data";
        else if (!real)
            type_[at(id)] = policy_.type;
        else if (!heavy(node) && !is_bias(node) && only_f32_readers(node))
            reason_[at(id)] = "only f32 readers want its result";
        else
            type_[at(id)] = policy_.type;
    }

    /// Light work on the network's own f32 inputs, such as their normalisation, stays f32: rounding it would be one
    /// more error in front of everything, and the first heavy node reads f32 at no cost.
    void keep_input_side() {
        std::vector<bool> kept(type_.size(), false);
        for (const NodeId id : order_) {
            const Node& node = source_.node(id);
            if (type_[at(id)] != policy_.type || heavy(node) || is_bias(node) || pinned(node)) continue;
            bool from_inputs = true;
            for (std::size_t i = 0; i < node.inputs.size(); ++i) {
                if (!is_f32(node.inputs[i]) || source_.constant(node.inputs[i])) continue;
                const NodeId producer = source_.value(node.inputs[i]).producer;
                from_inputs = from_inputs && (producer == kNone || kept[at(producer)]);
            }
            if (!from_inputs) continue;
            kept[at(id)] = true;
            type_[at(id)] = DType::f32;
            reason_[at(id)] = "prepares the network's f32 input";
        }
    }

    [[nodiscard]] bool pinned(const Node& node) const {
        return std::any_of(policy_.pins.begin(), policy_.pins.end(),
                           [&](const auto& pin) { return is_called(node, pin.first); });
    }

    // ---- the converted graph
    void build() {
        result_.name = source_.name;
        mapped_.assign(at(source_.value_count()), kNone);
        for (const ValueId id : source_.inputs) result_.inputs.push_back(copy_value(id));
        for (const NodeId id : order_) copy_node(id);
        for (const ir::Output& output : source_.outputs)
            result_.outputs.push_back({output.name, as_type(output.value, source_.value(output.value).dtype)});
        check();
    }

    /// Holds the types that were given against those that inference gives.
    void check() const {
        const ops::ValueTable table = ops::infer(result_);
        for (ValueId id = 0; id < result_.value_count(); ++id)
            if (const DType type = table[at(id)].dtype; type != DType::undefined && type != result_.value(id).dtype)
                throw Error(ErrorCode::internal, "the tensor \"" + result_.value(id).name + "\" was to be " +
                                                     std::string(to_string(result_.value(id).dtype)) + " and is " +
                                                     std::string(to_string(type)));
    }

    ValueId copy_value(ValueId id) {
        ir::Value value = source_.value(id);
        value.producer = kNone;
        return mapped_[at(id)] = result_.add_value(std::move(value));
    }

    void copy_node(NodeId id) {
        Node node = source_.node(id);
        const DType type = type_[at(id)];
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const ValueId input = node.inputs[i];
            if (input == kNone) continue;
            const DType declared = source_.value(input).dtype;
            const bool number = source_.constant(input) && keeps_numbers(node);
            const bool narrow =
                type != DType::f32 && declared == DType::f32 && narrow_input(source_.node(id), i) && !number;
            node.inputs[i] = narrow && source_.constant(input) ? weights(source_.node(id), i, type)
                                                               : as_type(input, narrow ? type : declared);
        }
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
            ValueId& output = node.outputs[i];
            if (output == kNone) continue;
            // The statistics that LayerNormalization also gives have a type of their own.
            const bool narrow = type != DType::f32 && is_f32(output) && (i == 0 || node.op != "LayerNormalization");
            output = copy_value(output);
            if (narrow) result_.value(output).dtype = type;
        }
        const NodeId added = result_.add_node(std::move(node));
        choices_.push_back({added, result_.node(added).name, shown_type(added), reason_[at(id)]});
        if (choices_.back().type != DType::f32 && choices_.back().type != policy_.type) choices_.back().reason.clear();
    }

    [[nodiscard]] DType shown_type(NodeId id) const {
        const Node& node = result_.node(id);
        for (const ValueId output : node.outputs)
            if (output != kNone &&
                (result_.value(output).dtype == DType::f32 || result_.value(output).dtype == policy_.type))
                return result_.value(output).dtype;
        for (const ValueId output : node.outputs)
            if (output != kNone) return result_.value(output).dtype;
        return DType::undefined;
    }

    /// The value in the new graph, cast where its type is another one.
    ValueId as_type(ValueId id, DType type) {
        if (mapped_[at(id)] != kNone && result_.value(mapped_[at(id)]).dtype == type) return mapped_[at(id)];
        const auto [it, added] = casts_.try_emplace({id, type}, kNone);
        if (added)
            it->second = !source_.constant(id)             ? cast(mapped_[at(id)], type)
                         : source_.value(id).dtype == type ? copy_value(id)
                                                           : constant(id, type, {0, 0});
        return it->second;
    }

    /// Constant input `i` of `node` in a narrow type. Readers share it as the first of them has it rounded.
    ValueId weights(const Node& node, std::size_t i, DType type) {
        const ValueId id = node.inputs[i];
        const auto [it, added] = casts_.try_emplace({id, type}, kNone);
        if (added) it->second = constant(id, type, weight_lines(node, i, source_.constant(id)->shape()));
        return it->second;
    }

    ValueId constant(ValueId id, DType type, WeightLines lines) {
        const ir::Value& value = source_.value(id);
        const ValueId added =
            result_.add_constant(typed_name(value.name, type), base::round_weights(value.constant, type, lines));
        result_.value(added).origins = value.origins;
        return added;
    }

    ValueId cast(ValueId present, DType type) {
        const std::string name = typed_name(result_.value(present).name, type);
        const NodeId producer = result_.value(present).producer;
        Node node{.op = "Cast", .name = name, .inputs = {present}, .attributes = {{"to", ops::onnx_number(type)}}};
        if (producer != kNone) node.origins = result_.node(producer).origins;
        node.outputs = {result_.add_value({.name = name, .dtype = type, .dims = result_.value(present).dims})};
        result_.add_node(std::move(node));
        return result_.node(result_.node_count() - 1).outputs[0];
    }

    [[nodiscard]] std::string typed_name(const std::string& name, DType type) const {
        return result_.unique_name(name + "/" + std::string(to_string(type)));
    }

    const ir::Graph& source_;
    const Policy& policy_;
    std::vector<NodeId> order_;
    std::vector<std::vector<NodeId>> readers_;
    std::vector<DType> type_;  ///< by NodeId of the source
    std::vector<std::string> reason_;
    ir::Graph result_;
    std::vector<ValueId> mapped_;  ///< by ValueId of the source
    std::map<std::pair<ValueId, DType>, ValueId> casts_;
    std::vector<Choice> choices_;
};

}  // namespace

void check_pinned(const ir::Graph& graph, const std::string& name) {
    for (const NodeId id : graph.order())
        if (is_called(graph.node(id), name)) return;
    throw Error(ErrorCode::invalid_argument, "the network has no node of this name").in("pin of node " + name);
}

std::vector<Choice> convert(ir::Graph& graph, const Policy& policy) {
    if (policy.type != DType::bf16 && policy.type != DType::f16)
        throw Error(ErrorCode::invalid_argument, "expected bf16 or f16, found " + std::string(to_string(policy.type)));
    const ir::Graph source = graph;
    return Converter(source, policy).convert(graph);
}

}  // namespace fovea::precision
