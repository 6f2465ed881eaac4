#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.hpp"
#include "ir/graph.hpp"

namespace fovea::ops {

/// An axis of which a run fills the first places only: as many as it finds, at most its size.
struct Counted {
    std::size_t axis = 0;
    std::size_t count = 0;  ///< which of a graph's counts says how many
    bool operator==(const Counted&) const = default;
};

/// What is known of a tensor before it is computed.
struct ValueInfo {
    DType dtype = DType::undefined;
    std::optional<ir::Dims> dims;
    Tensor constant;                  ///< content, when it is the same for every run
    std::optional<ir::Dims> content;  ///< elements of a small integer tensor, where they are sizes (known or symbolic)
    std::optional<Counted> counted = {};  ///< set by `bound_counts`, which makes such an axis as large as it can get
};

/// Part of a tensor: `size` elements along each axis from `start` on.
struct Box {
    Shape start, size;
    static Box whole(const Shape& shape) { return {Shape(shape.size(), 0), shape}; }
    bool operator==(const Box&) const = default;
};

/// The elements of `box` out of a tensor of shape `full`; `data` has the shape `box.size`.
struct Window {
    Tensor data;
    Box box;
    Shape full;
    static Window whole(Tensor tensor) {
        Shape shape = tensor.shape();
        return {std::move(tensor), Box::whole(shape), shape};
    }
};

/// Attribute access with the defaults of the specification; shared by all contexts.
class NodeView {
  public:
    explicit NodeView(const ir::Node& node) : node_(&node) {}
    [[nodiscard]] const ir::Node& node() const { return *node_; }
    [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t fallback) const {
        return node_->get(key, fallback);
    }
    [[nodiscard]] float number(std::string_view key, float fallback) const { return node_->get(key, fallback); }
    [[nodiscard]] std::string text(std::string_view key, std::string fallback) const {
        return node_->get(key, std::move(fallback));
    }
    [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key,
                                                     std::vector<std::int64_t> fallback = {}) const {
        return node_->get(key, std::move(fallback));
    }
    /// Throws `invalid_model` with the node as context.
    [[noreturn]] void fail(const std::string& message) const;
    /// Throws unless `condition` holds.
    void require(bool condition, const std::string& message) const {
        if (!condition) fail(message);
    }

  private:
    const ir::Node* node_;
};

/// Shape and type inference of one node.
class InferContext : public NodeView {
  public:
    using InferBody = std::function<std::vector<ValueInfo>(const ir::Graph&, std::vector<ValueInfo>)>;
    InferContext(const ir::Node& node, std::vector<const ValueInfo*> inputs, InferBody infer_body);

    [[nodiscard]] std::size_t input_count() const { return inputs_.size(); }
    /// Whether input `i` is given (neither missing nor omitted).
    [[nodiscard]] bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i] != nullptr; }
    [[nodiscard]] const ValueInfo& input(std::size_t i) const;
    [[nodiscard]] DType dtype(std::size_t i) const { return input(i).dtype; }
    /// Sizes of input `i`; not set when even the rank is unknown.
    [[nodiscard]] const std::optional<ir::Dims>& dims(std::size_t i) const { return input(i).dims; }
    /// Content of input `i` when it is constant, otherwise nullptr; also nullptr for an omitted input.
    [[nodiscard]] const Tensor* constant(std::size_t i) const;
    /// Elements of a constant integer input.
    [[nodiscard]] std::optional<std::vector<std::int64_t>> constant_integers(std::size_t i) const;
    /// Elements of an integer input as sizes, from its constant or its symbolic content.
    [[nodiscard]] std::optional<ir::Dims> content(std::size_t i) const;

    void set_output(std::size_t i, DType dtype, std::optional<ir::Dims> dims);
    void set_content(std::size_t i, ir::Dims content);
    void set_output(std::size_t i, ValueInfo info);
    [[nodiscard]] std::vector<ValueInfo> infer_body(const ir::Graph& body, std::vector<ValueInfo> inputs) const;
    [[nodiscard]] std::vector<ValueInfo>& outputs() { return outputs_; }

  private:
    std::vector<const ValueInfo*> inputs_;
    std::vector<ValueInfo> outputs_;
    InferBody infer_body_;
};

/// Reference evaluation of one node on whole tensors.
class EvalContext : public NodeView {
  public:
    using EvaluateBody = std::function<std::vector<Tensor>(const ir::Graph&, std::vector<Tensor>)>;
    EvalContext(const ir::Node& node, std::vector<Tensor> inputs, EvaluateBody evaluate_body);

    [[nodiscard]] std::size_t input_count() const { return inputs_.size(); }
    [[nodiscard]] bool has(std::size_t i) const { return i < inputs_.size() && static_cast<bool>(inputs_[i]); }
    /// Input `i`; throws `invalid_model` when it is not given.
    [[nodiscard]] const Tensor& input(std::size_t i) const;
    [[nodiscard]] bool wants_output(std::size_t i) const {
        return i < node().outputs.size() && node().outputs[i] != ir::kNone;
    }
    /// Allocates output `i`; its elements are unset.
    Tensor& make_output(std::size_t i, DType dtype, Shape shape);
    void set_output(std::size_t i, Tensor tensor);
    [[nodiscard]] std::vector<Tensor>& outputs() { return outputs_; }
    [[nodiscard]] std::vector<Tensor> evaluate_body(const ir::Graph& body, std::vector<Tensor> inputs) const;

  private:
    std::vector<Tensor> inputs_;
    std::vector<Tensor> outputs_;
    EvaluateBody evaluate_body_;
};

/// Shapes around one node, for `required_input` and `flops`.
struct ShapeContext : NodeView {
    std::vector<Shape> inputs;  ///< empty for an omitted input
    std::vector<Shape> outputs;
    std::vector<DType> input_types;
    std::vector<Tensor> constants;  ///< content of each input where constant, else not there
    explicit ShapeContext(const ir::Node& node) : NodeView(node) {}
};

/// By input, the axis that a run fills in part, if there is one.
using CountedAxes = std::vector<std::optional<std::size_t>>;

/// Where an operator puts what it finds.
struct Found {
    std::size_t axis = 0;
    std::int64_t most = 0;
};

/// Reference evaluation of a box of output 0. Input windows hold at least what `required_input` asked for.
struct BoxContext : NodeView {
    std::vector<Window> inputs;  ///< an omitted input has no data
    Shape output_shape;          ///< of the whole output
    Box box;
    Tensor output;  ///< of shape `box.size`, allocated, to be filled
    explicit BoxContext(const ir::Node& node) : NodeView(node) {}
    [[nodiscard]] bool has(std::size_t i) const { return i < inputs.size() && static_cast<bool>(inputs[i].data); }
};

enum class AttributeKind : std::uint8_t { integer, number, text, integers, numbers, texts, tensor, graph };

struct AttributeSpec {
    std::string_view name;
    AttributeKind kind;
    bool required = false;
};

struct Arity {
    int min = 1, max = 1;
    static constexpr int kAny = std::numeric_limits<int>::max();
};

/// What an operator means, in the newest version of the ONNX specification that fovea reads.
struct Op {
    std::string_view name;
    Arity inputs, outputs;
    /// First inputs that a node may omit. Any other input below `inputs.min`, and any of a variadic operator, is
    /// required.
    int omittable_inputs = 0;
    std::initializer_list<AttributeSpec> attributes;
    /// Sets type and shape of every output; must accept unknown shapes and constants.
    void (*infer)(InferContext&) = nullptr;
    /// The reference: plain and complete. An operator with `evaluate_box` needs it only for further outputs.
    void (*evaluate)(EvalContext&) = nullptr;
    /// Computes any box of output 0; called where the node has no other output. Needs `required_input`.
    void (*evaluate_box)(BoxContext&) = nullptr;
    /// Part of input `input` that a box of output 0 needs.
    Box (*required_input)(const ShapeContext&, int input, const Box& output_box) = nullptr;
    /// Of an operator that selects some of its input: the axis of output 0 whose size depends on data, and the largest
    /// size it may have; nothing where that is not known. `counted`: by input, the axis that is counted already, all by
    /// one count; nothing is returned where the operator cannot do with the filled part.
    std::optional<Found> (*found)(const ShapeContext&, const CountedAxes& counted) = nullptr;
    /// Floating-point operations (a multiply-add counts two); not set: one per output element.
    std::int64_t (*flops)(const ShapeContext&) = nullptr;
    /// Each output element depends on the input elements at the same (broadcast) place only.
    bool elementwise = false;
    /// The outputs are input 0 cut along the attribute `axis`, one after the other.
    bool partitions = false;
    /// Output 0 holds the elements of input 0 in the same row-major order.
    bool keeps_order = false;
    /// Same inputs give the same outputs.
    bool deterministic = true;
};

/// The operator called `name`, or nullptr.
const Op* find(std::string_view name);
/// All operators, sorted by name.
std::span<const Op* const> all();
/// Whether every node of `op` must give input `input`.
bool requires_input(const Op& op, std::size_t input);
/// The operator of `node`; throws unless its inputs, outputs and attributes fit: number, names, kinds, required ones.
const Op& check(const ir::Node& node);

}  // namespace fovea::ops
