#include <algorithm>
#include <array>

#include "backend/cuda/families.hpp"
#include "backend/cuda/source.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

constexpr std::size_t kMostAxes = 6, kMostOperands = 8, kMostNodes = 16;

struct Row {
    std::string_view op, code;
};
/// Of f32 `a` and `b`.
constexpr std::array kBinary = {
    Row{"Add", "a + b"},       Row{"Sub", "a - b"},
    Row{"Mul", "a * b"},       Row{"Div", "a / b"},
    Row{"Max", "fmaxf(a, b)"}, Row{"Min", "fminf(a, b)"},
    Row{"Pow", "powf(a, b)"},  Row{"PRelu", "a < 0.0f ? a * b : a"},
};
/// Of f32 `v`.
constexpr std::array kUnary = {
    Row{"Neg", "-v"},
    Row{"Abs", "fabsf(v)"},
    Row{"Sqrt", "sqrtf(v)"},
    Row{"Reciprocal", "1.0f / v"},
    Row{"Exp", "expf(v)"},
    Row{"Log", "logf(v)"},
    Row{"Erf", "erff(v)"},
    Row{"Sin", "sinf(v)"},
    Row{"Cos", "cosf(v)"},
    Row{"Floor", "floorf(v)"},
    Row{"Ceil", "ceilf(v)"},
    Row{"Round", "rintf(v)"},
    Row{"Identity", "v"},
    Row{"Cast", "v"},
    Row{"Softsign", "v / (1.0f + fabsf(v))"},
    Row{"Sign", "v > 0.0f ? 1.0f : v < 0.0f ? -1.0f : v"},
};

const Row* find(std::span<const Row> rows, std::string_view op) {
    const auto it = std::find_if(rows.begin(), rows.end(), [op](const Row& row) { return row.op == op; });
    return it == rows.end() ? nullptr : &*it;
}

enum class Role : std::uint8_t { none, binary, unary, activation, affine };

/// What a node does to `chain`, which the region has computed so far.
Role role_of(const ops::ValueTable& values, const ir::Node& node, ir::ValueId chain) {
    if (node.outputs.size() != 1 || node.outputs[0] == ir::kNone) return Role::none;
    const auto computed = [&](ir::ValueId id) {
        return id != ir::kNone && own_float(values[static_cast<std::size_t>(id)].dtype);
    };
    if (!computed(node.outputs[0]) || !computed(chain)) return Role::none;
    if (find(kBinary, node.op) && node.inputs.size() == 2 && computed(node.inputs[0]) && computed(node.inputs[1]))
        return node.op != "PRelu" || node.inputs[0] == chain ? Role::binary : Role::none;
    if (node.inputs.empty() || node.inputs[0] != chain) return Role::none;
    if (find(kUnary, node.op)) return Role::unary;
    const auto step = as_step(values, node, chain);
    if (!step) return Role::none;
    if (step->kind == EpilogueStep::Kind::affine) return Role::affine;
    return step->kind == EpilogueStep::Kind::activation ? Role::activation : Role::none;
}

std::size_t more_operands(Role role) { return role == Role::binary ? 1 : role == Role::affine ? 2 : 0; }

/// The first node of the longest chain that ends in `root` and keeps its shape: roots come from the end of the graph.
ir::NodeId chain_head(const MatchContext& context, ir::NodeId root, const Shape& shape) {
    ir::NodeId head = root;
    for (std::size_t i = 1; context.fuse && i < kMostNodes; ++i) {
        ir::NodeId above = ir::kNone;
        for (const ir::ValueId input : context.graph.node(head).inputs) {
            const ir::NodeId producer = context.sole_producer(input);
            if (producer == ir::kNone || context.shape(input) != shape) continue;
            const ir::Node& node = context.graph.node(producer);
            if (!node.inputs.empty() && role_of(context.values, node, node.inputs[0]) != Role::none) above = producer;
        }
        if (above == ir::kNone) break;
        head = above;
    }
    return head;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.inputs.empty() || node.outputs.empty()) return refuse(Reason::unsupported_operator);
    if (role_of(context.values, node, node.inputs[0]) == Role::none) return refuse(Reason::unsupported_operator);
    const auto shape = context.shape(node.outputs[0]);
    if (!shape) return refuse(Reason::shape_depends_on_data);
    if (shape->size() > kMostAxes || base::element_count(*shape) == 0)
        return refuse(Reason::unsupported_shape, "an empty tensor or more than 6 axes");
    if (base::element_count(*shape) > (std::int64_t{1} << 30))
        return refuse(Reason::unsupported_shape, "over 2^30 elements");
    const ir::NodeId head = chain_head(context, root, *shape);
    const ir::Node& top = context.graph.node(head);
    std::vector<ir::NodeId> nodes = {head};
    std::size_t operands = 1 + more_operands(role_of(context.values, top, top.inputs[0]));
    ir::ValueId chain = top.outputs[0];
    while (context.fuse && nodes.size() < kMostNodes) {
        const ir::NodeId next = context.sole_consumer(chain);
        if (next == ir::kNone) break;
        const ir::Node& reader = context.graph.node(next);
        const Role role = role_of(context.values, reader, chain);
        if (role == Role::none || context.shape(reader.outputs[0]) != shape ||
            operands + more_operands(role) > kMostOperands)
            break;
        operands += more_operands(role);
        nodes.push_back(next);
        chain = reader.outputs[0];
    }
    if (std::find(nodes.begin(), nodes.end(), root) == nodes.end()) nodes = {root};
    return make_region(context, "pointwise", std::move(nodes));
}

/// Writes the chain as code, and where its operands lie.
class Chain {
  public:
    Chain(const Target& target, const RegionContext& context, const Tactic& tactic)
        : target_(target), context_(context), tactic_(tactic), output_(context.output_desc(0, tactic)) {
        shape_ = output_.shape.empty() ? Shape{1} : output_.shape;
        order_ = memory_axes(shape_.size(), output_.layout);
        width_ = common_width(8, {shape_[order_.back()], output_.pitch, offset_of(context.output_offsets, 0)});
        ir::ValueId value = context.node(0).inputs[0];
        line("float " + load(value));
        line("for (int i = 0; i < kWidth; ++i) x[i] = y0[i];");
        for (std::size_t i = 0; i < context.region.nodes.size(); ++i) {
            append(context.node(i), value);
            value = context.node(i).outputs[0];
        }
        count_ = operands_.size();
        set_strides(output_, 8);
    }

    [[nodiscard]] std::string source() const {
        KernelSource code;
        code.type("Out", output_.dtype).constant("kAxes", static_cast<std::int64_t>(shape_.size()));
        code.constant("kWidth", width_).constant("kOperands", static_cast<std::int64_t>(count_));
        code.text("DEVICE void compute(float (&x)[kWidth], const PointwiseArgs& args, const int* offsets) {\n" + text_ +
                  "}\n");
        return code.finish("pointwise.cuh");
    }

    [[nodiscard]] PointwiseArgs arguments() {
        for (std::size_t i = 0; i < order_.size(); ++i) {
            const std::int64_t extent = shape_[order_[i]];
            args_.extents[i] = make_divisor(i + 1 == order_.size() ? extent / width_ : extent);
        }
        for (std::size_t i = 0; i < order_.size(); ++i) args_.strides[count_][i] = args_.strides[8][i];
        args_.vectors = base::element_count(shape_) / width_;
        return args_;
    }

    struct Operand {
        PackedConstants::Block constant;  ///< or
        std::size_t input = 0;            ///< of the region
    };
    std::vector<Operand> operands_;

  private:
    void line(const std::string& code) { text_ += "    " + code + "\n"; }

    void set_strides(const TensorDesc& desc, std::size_t operand) {
        const Shape strides = desc.broadcast_strides(shape_);
        for (std::size_t i = 0; i < order_.size(); ++i)
            args_.strides[operand][i] = static_cast<int>(strides[order_[i]]);
    }

    /// Declares y<i>[] with the operand's elements and returns that declaration's rest.
    std::string add(const TensorDesc& desc, Operand operand, std::int64_t offset) {
        const std::size_t i = operands_.size();
        set_strides(desc, i);
        operands_.push_back(std::move(operand));
        const std::string n = std::to_string(i), y = "y" + n;
        const std::string base = "static_cast<const " + std::string(type_name(desc.dtype)) + "*>(args.operands[" + n +
                                 "]) + offsets[" + n + "]";
        const int inner = args_.strides[i][order_.size() - 1];
        std::string code = y + "[kWidth]; ";
        if (inner == 0) return code + "for (int i = 0; i < kWidth; ++i) " + y + "[i] = to_float(*(" + base + "));";
        bool whole = inner == 1 && offset % width_ == 0;
        for (std::size_t axis = 0; axis + 1 < order_.size(); ++axis)
            whole = whole && args_.strides[i][axis] % width_ == 0;
        if (whole) return code + "load_vector(" + y + ", " + base + ");";
        return code + "for (int i = 0; i < kWidth; ++i) " + y + "[i] = to_float((" + base + ")[i * " +
               std::to_string(inner) + "]);";
    }

    std::string load(ir::ValueId id) {
        if (const Tensor* constant = context_.constant(id)) {
            const auto values = constant->to_float();
            return add(TensorDesc::dense(DType::f32, constant->shape(), Layout::plain), upload(values), 0);
        }
        const std::size_t input = context_.input_index(id);
        return add(context_.input_desc(input, tactic_), {nullptr, input}, offset_of(context_.input_offsets, input));
    }

    Operand upload(const std::vector<float>& values) {
        return {device_constant(target_, context_, "pointwise " + std::to_string(operands_.size()),
                                std::as_bytes(std::span(values)))};
    }

    std::string load_channels(const Tensor& numbers) {
        Shape shape(shape_.size() - 1, 1);
        shape[0] = numbers.size();
        return add(TensorDesc::dense(DType::f32, shape, Layout::plain), upload(numbers.to_float()), 0);
    }

    /// x[i] = code of a and b, where one of them is x[i] and the other y<last>[i].
    void binary(std::string_view code, const std::string& declaration, bool chain_is_left, bool both = false) {
        const std::string y = both ? "x[i]" : "y" + std::to_string(operands_.size() - 1) + "[i]";
        if (!both) line("float " + declaration);
        line("for (int i = 0; i < kWidth; ++i) { const float a = " + std::string(chain_is_left ? "x[i]" : y) +
             ", b = " + (chain_is_left ? y : "x[i]") + "; x[i] = " + std::string(code) + "; }");
    }

    void append(const ir::Node& node, ir::ValueId chain) {
        const auto unary = [&](const std::string& code) {
            line("for (int i = 0; i < kWidth; ++i) { const float v = x[i]; x[i] = " + code + "; }");
        };
        switch (role_of(context_.values, node, chain)) {
            case Role::binary: {
                const bool left = node.inputs[0] == chain, both = left && node.inputs[1] == chain;
                const ir::ValueId other = left ? node.inputs[1] : node.inputs[0];
                binary(find(kBinary, node.op)->code, both ? "" : load(other), left, both);
                break;
            }
            case Role::unary: unary(std::string(find(kUnary, node.op)->code)); break;
            case Role::activation: unary(activation_code(*as_step(context_.values, node, chain))); break;
            case Role::affine: {
                const auto step = *as_step(context_.values, node, chain);
                binary("a * b", load_channels(step.scale), true);
                binary("a + b", load_channels(step.shift), true);
                break;
            }
            case Role::none: break;
        }
    }

    const Target& target_;
    const RegionContext& context_;
    const Tactic& tactic_;
    TensorDesc output_;
    Shape shape_;
    std::vector<std::size_t> order_;
    int width_ = 1;
    std::size_t count_ = 0;
    std::string text_;
    PointwiseArgs args_{};
};

class PointwiseKernel final : public Kernel {
  public:
    PointwiseKernel(std::unique_ptr<Function> function, std::vector<Chain::Operand> operands, const PointwiseArgs& args)
        : function_(std::move(function)), operands_(std::move(operands)), args_(args) {}
    void run(const KernelArgs& args) const override {
        PointwiseArgs launch = args_;
        for (std::size_t i = 0; i < operands_.size(); ++i)
            launch.operands[i] = operands_[i].constant ? operands_[i].constant.get() : args.inputs[operands_[i].input];
        launch.output = args.outputs[0];
        function_->launch(*args.stream, {static_cast<unsigned>((args_.vectors + 255) / 256)}, 256, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return "generated"; }

  private:
    std::unique_ptr<Function> function_;
    std::vector<Chain::Operand> operands_;
    PointwiseArgs args_;
};

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result;
    for (const Layout layout : {Layout::channels_last, Layout::plain}) {
        Tactic tactic = uniform_tactic(context, std::string(to_string(layout)), layout);
        if (layout == Layout::channels_last && tactic.outputs[0] == Layout::plain) continue;
        tactic.reads_slices = tactic.writes_slices = layout == Layout::channels_last;
        result.push_back(std::move(tactic));
    }
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    Chain chain(target, context, tactic);
    const PointwiseArgs args = chain.arguments();
    return std::make_unique<PointwiseKernel>(std::make_unique<Function>(target.device, chain.source(), "pointwise"),
                                             std::move(chain.operands_), args);
}

}  // namespace

CudaFamily pointwise_kernels() { return {"pointwise", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
