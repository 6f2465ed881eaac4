#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.hpp"
#include "ir/attribute.hpp"

namespace fovea::ir {

using ValueId = std::int32_t;
using NodeId = std::int32_t;
/// An omitted optional input, or "no producer".
inline constexpr std::int32_t kNone = -1;

/// One size of a shape: a number, a named symbol ("batch"), or unknown (no number, empty symbol).
struct Dim {
    std::int64_t value = -1;
    std::string symbol;

    Dim() = default;
    Dim(std::int64_t number) : value(number) {}
    explicit Dim(std::string name) : symbol(std::move(name)) {}
    [[nodiscard]] bool known() const { return value >= 0; }
    /// Provably the same size: equal numbers or the same symbol.
    [[nodiscard]] bool same(const Dim& other) const {
        return known() ? value == other.value : !symbol.empty() && symbol == other.symbol && !other.known();
    }
    bool operator==(const Dim&) const = default;
};
using Dims = std::vector<Dim>;

/// `dims` as numbers when all are known.
std::optional<Shape> known_shape(const std::optional<Dims>& dims);
Dims to_dims(std::span<const std::int64_t> shape);
/// "[batch, 3, ?, 224]"; "[*]" when the rank is unknown.
std::string to_string(const std::optional<Dims>& dims);

/// One tensor of the graph. Produced by a node, a graph input, or a constant.
struct Value {
    std::string name;  ///< unique within its graph
    DType dtype = DType::undefined;
    std::optional<Dims> dims;  ///< not set: rank unknown
    Tensor constant;           ///< set for constants
    NodeId producer = kNone;
    std::vector<std::string> origins;  ///< the user's tensors that hold this content, sorted
};

/// One operator application. If, Loop and Scan are closed: values that their bodies take from outside are further
/// inputs of the node, after the formal ones, and further inputs of the body graph, in the same order.
struct Node {
    std::string op;  ///< operator name as in `ops::find`, e.g. "Conv"
    std::string name;
    std::vector<ValueId> inputs;   ///< `kNone` for an omitted optional input
    std::vector<ValueId> outputs;  ///< `kNone` for an unused optional output
    std::map<std::string, Attribute, std::less<>> attributes;
    std::vector<std::string> origins;  ///< the user's nodes this one computes, sorted
    bool removed = false;

    /// Attribute `key` as `T`, or `fallback` when it is absent; throws `invalid_model` when it has another type.
    template <class T>
    [[nodiscard]] T get(std::string_view key, T fallback) const;
    template <class T>
    [[nodiscard]] const T* find(std::string_view key) const;
};

struct Output {
    std::string name;  ///< the user's name, whatever the value is called
    ValueId value = kNone;
};

/// A typed data-flow graph in single-assignment form. Ids are stable: removing a node leaves a hole.
/// Values that nothing uses and constants are kept until `compact`.
class Graph {
  public:
    std::string name;
    std::vector<ValueId> inputs;
    std::vector<Output> outputs;

    ValueId add_value(Value value);
    ValueId add_input(std::string name, DType dtype, std::optional<Dims> dims);
    ValueId add_constant(std::string name, Tensor tensor);
    /// Appends a node; its outputs' `producer` is set. Inputs must exist.
    NodeId add_node(Node node);
    void remove_node(NodeId id);

    [[nodiscard]] const Value& value(ValueId id) const { return values_[static_cast<std::size_t>(id)]; }
    [[nodiscard]] Value& value(ValueId id) { return values_[static_cast<std::size_t>(id)]; }
    [[nodiscard]] const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
    [[nodiscard]] Node& node(NodeId id) { return nodes_[static_cast<std::size_t>(id)]; }
    [[nodiscard]] std::int32_t value_count() const { return static_cast<std::int32_t>(values_.size()); }
    [[nodiscard]] std::int32_t node_count() const { return static_cast<std::int32_t>(nodes_.size()); }

    /// Live nodes, every producer before its consumers, otherwise in order of creation; throws `invalid_model` naming a
    /// node on a cycle.
    [[nodiscard]] std::vector<NodeId> order() const;
    /// Nodes that read each value (a node that reads it twice stands twice), indexed by ValueId.
    [[nodiscard]] std::vector<std::vector<NodeId>> consumers() const;
    [[nodiscard]] bool is_output(ValueId id) const;
    [[nodiscard]] bool is_input(ValueId id) const;
    /// Constant of a value, or nullptr.
    [[nodiscard]] const Tensor* constant(ValueId id) const;
    [[nodiscard]] ValueId find_value(std::string_view name) const;
    /// `base` itself or with a number behind it, such that no value has the name yet.
    [[nodiscard]] std::string unique_name(std::string_view base) const;

    /// Gives `a` the name of `b` and the other way round.
    void swap_names(ValueId a, ValueId b);

    /// Every use of `from` (node inputs and graph outputs) reads `to` instead.
    void replace_uses(ValueId from, ValueId to);
    /// Removes nodes none of whose outputs is used, repeatedly. Returns how many.
    int remove_dead_nodes();
    /// A copy without holes: removed nodes, unused constants and unused values are gone, nodes stand in `order()`.
    [[nodiscard]] Graph compact() const;

  private:
    std::vector<Value> values_;
    std::vector<Node> nodes_;
    std::map<std::string, ValueId, std::less<>> by_name_;
};

/// Structural checks: single assignment, unique names, ids in range, acyclic, outputs produced, subgraphs likewise.
/// Throws `invalid_model` naming what is wrong.
void verify(const Graph& graph);

[[noreturn]] void throw_attribute_type(const Node& node, std::string_view key);

template <class T>
const T* Node::find(std::string_view key) const {
    const auto it = attributes.find(key);
    if (it == attributes.end()) return nullptr;
    const T* value = std::get_if<T>(&it->second);
    if (!value) throw_attribute_type(*this, key);
    return value;
}

template <class T>
T Node::get(std::string_view key, T fallback) const {
    const T* value = find<T>(key);
    return value ? *value : fallback;
}

}  // namespace fovea::ir
