#include "ir/patch.hpp"

#include <algorithm>

#include "base/dispatch.hpp"

namespace fovea::ir {
namespace {

void append(std::vector<std::string>& target, const std::vector<std::string>& source) {
    target.insert(target.end(), source.begin(), source.end());
}

void make_set(std::vector<std::string>& names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
}

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

}  // namespace

ValueId Patch::constant(Tensor tensor, std::string name) {
    Value value{.name = std::move(name), .dtype = tensor.dtype(), .dims = to_dims(tensor.shape())};
    value.constant = std::move(tensor);
    values_.push_back(std::move(value));
    return next_++;
}

ValueId Patch::node(std::string op, std::vector<ValueId> inputs,
                    std::map<std::string, Attribute, std::less<>> attributes, std::string name) {
    return node_with_outputs(1, std::move(op), std::move(inputs), std::move(attributes), std::move(name)).front();
}

std::vector<ValueId> Patch::node_with_outputs(int count, std::string op, std::vector<ValueId> inputs,
                                              std::map<std::string, Attribute, std::less<>> attributes,
                                              std::string name) {
    Node node{
        .op = std::move(op), .name = std::move(name), .inputs = std::move(inputs), .attributes = std::move(attributes)};
    for (int i = 0; i < count; ++i) {
        values_.push_back({});
        node.outputs.push_back(next_++);
    }
    std::vector<ValueId> outputs = node.outputs;
    nodes_.push_back(std::move(node));
    return outputs;
}

ValueId Patch::copy(const Node& node, std::vector<ValueId> inputs) {
    const ValueId result = this->node(node.op, std::move(inputs), node.attributes, node.name);
    nodes_.back().origins = node.origins;
    return result;
}

void Patch::replace(ValueId from, ValueId to) { replacements_.emplace_back(from, to); }

void Patch::drop(NodeId node) { dropped_.push_back(node); }

std::vector<NodeId> Patch::apply(Graph& graph) const {
    auto applied = Rewriter(graph).apply(*this);
    return applied ? std::move(applied->added) : std::vector<NodeId>();
}

Rewriter::Rewriter(Graph& graph)
    : graph_(graph),
      readers_(graph.consumers()),
      output_uses_(readers_.size(), 0),
      is_input_(readers_.size(), false),
      forward_(readers_.size(), kNone) {
    for (const Output& output : graph.outputs) ++output_uses_[at(output.value)];
    for (const ValueId id : graph.inputs) is_input_[at(id)] = true;
}

Rewriter::~Rewriter() {
    std::sort(merged_.begin(), merged_.end());
    merged_.erase(std::unique(merged_.begin(), merged_.end()), merged_.end());
    for (const ValueId id : merged_) make_set(graph_.value(id).origins);
}

ValueId Rewriter::resolve(ValueId id) const {
    while (id != kNone && forward_[at(id)] != kNone) id = forward_[at(id)];
    return id;
}

bool Rewriter::live(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.producer != kNone || value.constant || is_input_[at(id)];
}

bool Rewriter::used(ValueId id) const { return output_uses_[at(id)] > 0 || !readers_[at(id)].empty(); }

bool Rewriter::applicable(const Patch& patch) const {
    const auto readable = [&](ValueId id) { return id == kNone || id >= patch.first_new_ || live(resolve(id)); };
    for (const Node& node : patch.nodes_)
        if (!std::all_of(node.inputs.begin(), node.inputs.end(), readable)) return false;
    bool useful = !patch.dropped_.empty();
    for (const auto& [from, to] : patch.replacements_) {
        if (forward_[at(from)] != kNone || !live(from) || !readable(to)) return false;
        useful = useful || (used(from) && (to >= patch.first_new_ || resolve(to) != from));
    }
    return useful;
}

std::optional<Applied> Rewriter::apply(const Patch& patch) {
    if (!applicable(patch)) return std::nullopt;
    const ValueId shift = graph_.value_count() - patch.first_new_;
    const auto place = [&](ValueId id) { return id >= patch.first_new_ ? id + shift : resolve(id); };
    for (const Value& value : patch.values_) {
        Value copy = value;
        copy.name = graph_.unique_name(value.name.empty() ? "t" + std::to_string(graph_.value_count()) : value.name);
        graph_.add_value(std::move(copy));
    }
    readers_.resize(at(graph_.value_count()));
    output_uses_.resize(readers_.size(), 0);
    is_input_.resize(readers_.size(), false);
    forward_.resize(readers_.size(), kNone);

    Applied applied;
    for (Node node : patch.nodes_) {
        for (ValueId& input : node.inputs) input = place(input);
        for (ValueId& output : node.outputs) output += shift;
        const NodeId id = graph_.add_node(std::move(node));
        for (const ValueId input : graph_.node(id).inputs)
            if (input != kNone) readers_[at(input)].push_back(id);
        applied.added.push_back(id);
    }
    std::vector<NodeId> candidates = patch.dropped_, producers;
    for (const auto& [from, to] : patch.replacements_) {
        if (place(to) == from) continue;
        if (graph_.value(from).producer != kNone) producers.push_back(graph_.value(from).producer);
        const ValueId target = place(to);
        const bool first = std::none_of(applied.replaced.begin(), applied.replaced.end(),
                                        [&](const auto& pair) { return pair.second == target; });
        if (to >= patch.first_new_ && first) graph_.swap_names(from, target);
        applied.replaced.emplace_back(from, target);
        replace(from, target, applied);
    }
    candidates.insert(candidates.end(), producers.begin(), producers.end());
    candidates.insert(candidates.end(), applied.added.begin(), applied.added.end());
    remove_dead(std::move(candidates), applied);
    set_provenance(applied, producers);
    return applied;
}

void Rewriter::replace(ValueId from, ValueId to, const Applied& applied) {
    const Value& old = graph_.value(from);
    Value& target = graph_.value(to);
    if (target.dtype == DType::undefined) {
        target.dtype = old.dtype;
        target.dims = old.dims;
    }
    // One value may take the place of thousands: their names are sorted once, at the end.
    append(target.origins, old.origins);
    merged_.push_back(to);

    std::vector<NodeId> kept;
    for (const NodeId reader : readers_[at(from)]) {
        // A new node that reads `from` on purpose keeps reading it.
        if (std::find(applied.added.begin(), applied.added.end(), reader) != applied.added.end()) {
            kept.push_back(reader);
            continue;
        }
        auto& inputs = graph_.node(reader).inputs;
        *std::find(inputs.begin(), inputs.end(), from) = to;
        readers_[at(to)].push_back(reader);
    }
    readers_[at(from)] = std::move(kept);
    if (output_uses_[at(from)] > 0)
        for (Output& output : graph_.outputs)
            if (output.value == from) output.value = to;
    output_uses_[at(to)] += output_uses_[at(from)];
    output_uses_[at(from)] = 0;
    forward_[at(from)] = to;
}

void Rewriter::remove_dead(std::vector<NodeId> candidates, Applied& applied) {
    while (!candidates.empty()) {
        const NodeId id = candidates.back();
        candidates.pop_back();
        const Node& node = graph_.node(id);
        if (node.removed) continue;
        if (std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return v != kNone && used(v); }))
            continue;
        graph_.remove_node(id);
        applied.removed.push_back(id);
        for (const ValueId input : node.inputs) {
            if (input == kNone) continue;
            auto& readers = readers_[at(input)];
            readers.erase(std::find(readers.begin(), readers.end(), id));
            if (used(input)) continue;
            if (graph_.value(input).producer != kNone) candidates.push_back(graph_.value(input).producer);
            // Folding whole sub-networks would otherwise keep every intermediate constant.
            else if (!is_input_[at(input)])
                graph_.value(input).constant = Tensor();
        }
    }
}

void Rewriter::set_provenance(const Applied& applied, const std::vector<NodeId>& producers) {
    const auto shape_arithmetic = [&](const Node& node) {
        return std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
            if (id == kNone) return true;
            const Value& value = graph_.value(id);
            return value.dims && value.dims->size() <= 1 &&
                   (base::is_integer(value.dtype) || value.dtype == DType::boolean);
        });
    };
    std::vector<std::string> origins;
    std::string name;
    for (const NodeId id : producers) {
        append(origins, graph_.node(id).origins);
        if (name.empty()) name = graph_.node(id).name;
    }
    for (const NodeId id : applied.removed)
        if (!shape_arithmetic(graph_.node(id))) append(origins, graph_.node(id).origins);
    make_set(origins);
    for (const NodeId id : applied.added) {
        Node& node = graph_.node(id);
        if (node.removed) continue;
        if (node.origins.empty()) node.origins = origins;
        if (!node.name.empty()) continue;
        const bool final = std::any_of(applied.replaced.begin(), applied.replaced.end(),
                                       [&](const auto& pair) { return graph_.value(pair.second).producer == id; });
        node.name = final || name.empty() ? name : name + "/" + node.op;
    }
}

}  // namespace fovea::ir
