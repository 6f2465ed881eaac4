#include "backend/cpu/simd/pointwise.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "backend/cpu/families.hpp"
#include "backend/cpu/simd_bridge.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

using simd::PointwiseOp;

struct Row {
    std::string_view op;
    PointwiseOp code;
    float alpha = 0, beta = 0;
};

constexpr std::array kBinary = {
    Row{"Add", PointwiseOp::add},    Row{"Sub", PointwiseOp::subtract}, Row{"Mul", PointwiseOp::multiply},
    Row{"Div", PointwiseOp::divide}, Row{"Max", PointwiseOp::maximum},  Row{"Min", PointwiseOp::minimum},
};
constexpr std::array kUnary = {
    Row{"Neg", PointwiseOp::affine, -1, 0},
    Row{"Identity", PointwiseOp::affine, 1, 0},
    Row{"Abs", PointwiseOp::absolute},
    Row{"Sqrt", PointwiseOp::square_root},
    Row{"Reciprocal", PointwiseOp::reciprocal},
    Row{"Exp", PointwiseOp::exponential},
    Row{"Log", PointwiseOp::logarithm},
    Row{"Erf", PointwiseOp::error_function},
    Row{"Sin", PointwiseOp::sine},
    Row{"Cos", PointwiseOp::cosine},
    Row{"Floor", PointwiseOp::floor},
    Row{"Ceil", PointwiseOp::ceiling},
    Row{"Round", PointwiseOp::round},
    Row{"Sign", PointwiseOp::sign},
};

const Row* find_row(std::span<const Row> rows, std::string_view op) {
    const auto it = std::find_if(rows.begin(), rows.end(), [op](const Row& row) { return row.op == op; });
    return it == rows.end() ? nullptr : &*it;
}

/// What a node does to the value that a chain has computed so far.
enum class Role : std::uint8_t { none, binary, unary, activation, affine, cast };

Role role_of(const ops::ValueTable& values, const ir::Node& node, ir::ValueId chain) {
    if (node.outputs.size() != 1 || node.outputs[0] == ir::kNone) return Role::none;
    const auto type = [&](ir::ValueId id) { return values[static_cast<std::size_t>(id)].dtype; };
    if (!own_float(type(node.outputs[0])) || !own_float(type(chain))) return Role::none;
    if (find_row(kBinary, node.op) && node.inputs.size() == 2)
        return own_float(type(node.inputs[0])) && own_float(type(node.inputs[1])) ? Role::binary : Role::none;
    if (node.inputs.empty() || node.inputs[0] != chain) return Role::none;
    if (find_row(kUnary, node.op)) return Role::unary;
    const auto step = as_step(values, node, chain);
    if (!step) return Role::none;
    if (step->kind == EpilogueStep::Kind::cast) return Role::cast;
    if (step->kind == EpilogueStep::Kind::affine) return Role::affine;
    return step->kind == EpilogueStep::Kind::activation && own_activation(*step) ? Role::activation : Role::none;
}

/// Registers and steps that a node takes.
std::pair<std::size_t, std::size_t> price(Role role) {
    if (role == Role::binary) return {1, 1};
    if (role == Role::affine) return {2, 2};
    return {0, role == Role::cast ? 0 : 1};
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.inputs.empty() || node.inputs[0] == ir::kNone || node.outputs.empty() || node.outputs[0] == ir::kNone)
        return refuse(Reason::unsupported_operator);
    const Role first = role_of(context.values, node, node.inputs[0]);
    if (first == Role::none || first == Role::cast) return refuse(Reason::unsupported_operator);
    for (const ir::ValueId input : node.inputs)
        if (input != ir::kNone && !context.shape(input)) return refuse(Reason::shape_depends_on_data);
    const auto shape = context.shape(node.outputs[0]);
    if (!shape) return refuse(Reason::shape_depends_on_data);
    if (shape->size() > simd::Pointwise::kAxes || base::element_count(*shape) == 0)
        return refuse(Reason::unsupported_shape, "an empty tensor or more than 6 axes");
    std::vector<ir::NodeId> nodes = {root};
    std::size_t inputs = 1 + price(first).first, steps = price(first).second;
    follow_chain(context, nodes, [&](const ir::Node& reader, ir::ValueId chain) {
        const Role role = role_of(context.values, reader, chain);
        const auto [more_inputs, more_steps] = price(role);
        inputs += more_inputs;
        steps += more_steps;
        return role != Role::none && inputs <= simd::Pointwise::kInputs && steps <= simd::Pointwise::kSteps &&
               std::all_of(reader.inputs.begin(), reader.inputs.end(),
                           [&](ir::ValueId input) { return input == ir::kNone || context.shape(input); });
    });
    return make_region(context, "pointwise", std::move(nodes));
}

/// A program and where its operands come from.
class ProgramBuilder {
  public:
    ProgramBuilder(const RegionContext& context, const Tactic& tactic) : context_(context), tactic_(tactic) {
        const TensorDesc target = context.output_desc(0, tactic);
        shape_ = target.shape.empty() ? Shape{1} : target.shape;
        order_ = memory_axes(shape_.size(), target.layout);
        program.axes = static_cast<int>(shape_.size());
        for (std::size_t i = 0; i < order_.size(); ++i) program.extents[i] = shape_[order_[i]];
        set_strides(target, program.output_strides);
        program.output_type = target.dtype;
        std::uint8_t chain = load(context.node(0).inputs[0]);
        ir::ValueId value = context.node(0).inputs[0];
        for (std::size_t i = 0; i < context.region.nodes.size(); ++i) {
            chain = append(context.node(i), value, chain);
            value = context.node(i).outputs[0];
        }
        program.result = chain;
        runs = simd::simplify(program);
    }

    simd::Pointwise program;
    std::vector<std::size_t> sources;  ///< region input of each operand; `kConstant`: `constants` holds it
    std::vector<Tensor> constants;
    bool runs = false;
    static constexpr std::size_t kConstant = static_cast<std::size_t>(-1);

  private:
    void set_strides(const TensorDesc& desc, std::int64_t* target) const {
        const Shape strides = desc.broadcast_strides(shape_);
        for (std::size_t i = 0; i < order_.size(); ++i) target[i] = strides[order_[i]];
    }

    std::uint8_t operand(const TensorDesc& desc, std::size_t source, const void* data) {
        auto& input = program.inputs[program.input_count];
        input.data = data;
        input.type = desc.dtype;
        set_strides(desc, input.strides);
        sources.push_back(source);
        return static_cast<std::uint8_t>(program.input_count++);
    }

    std::uint8_t load(ir::ValueId id) {
        const std::size_t input = context_.input_index(id);
        for (std::size_t i = 0; i < sources.size(); ++i)
            if (sources[i] == input) return static_cast<std::uint8_t>(i);
        return operand(context_.input_desc(input, tactic_), input, nullptr);
    }

    std::uint8_t load(const Tensor& per_channel) {
        constants.push_back(per_channel);
        Shape shape(shape_.size() - 1, 1);
        shape[0] = per_channel.size();
        return operand(TensorDesc::dense(per_channel.dtype(), shape, Layout::plain), kConstant, per_channel.raw());
    }

    std::uint8_t emit(simd::PointwiseStep step) {
        // Registers of inputs are kept: a later step may read the same input.
        step.to = static_cast<std::uint8_t>(simd::Pointwise::kRegisters - 1);
        program.steps[program.step_count++] = step;
        return step.to;
    }

    std::uint8_t append(const ir::Node& node, ir::ValueId value, std::uint8_t chain) {
        switch (role_of(context_.values, node, value)) {
            case Role::binary: {
                simd::PointwiseStep step{find_row(kBinary, node.op)->code};
                step.a = node.inputs[0] == value ? chain : load(node.inputs[0]);
                step.b = node.inputs[1] == value ? chain : load(node.inputs[1]);
                return emit(step);
            }
            case Role::unary: {
                const Row& row = *find_row(kUnary, node.op);
                return emit({row.code, chain, 0, 0, simd::Activation::none, row.alpha, row.beta});
            }
            case Role::activation: {
                Epilogue one;
                one.steps = {*as_step(context_.values, node, value)};
                const auto steps = simd_epilogue(context_, one, node.outputs[0])->steps;
                return emit({PointwiseOp::activation, chain, 0, 0, steps.activation, steps.alpha, steps.beta});
            }
            case Role::affine: {
                const auto step = *as_step(context_.values, node, value);
                chain = emit({PointwiseOp::multiply, chain, load(step.scale)});
                return emit({PointwiseOp::add, chain, load(step.shift)});
            }
            default: return chain;  // a cast happens on storing
        }
    }

    const RegionContext& context_;
    const Tactic& tactic_;
    Shape shape_;
    std::vector<std::size_t> order_;
};

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result;
    for (const Layout layout : {Layout::plain, Layout::channels_last}) {
        Tactic tactic = uniform_tactic(context, "simd:" + std::string(to_string(layout)), layout);
        if (layout == Layout::channels_last && tactic.outputs[0] == Layout::plain) continue;
        if (!ProgramBuilder(context, tactic).runs) continue;
        tactic.reads_slices = tactic.writes_slices = true;
        result.push_back(std::move(tactic));
    }
    return result;
}

class PointwiseKernel final : public Kernel {
  public:
    PointwiseKernel(ProgramBuilder built, int threads)
        : program_(built.program),
          sources_(std::move(built.sources)),
          constants_(std::move(built.constants)),
          threads_(threads) {}
    void run(const KernelArgs& args) const override {
        simd::Pointwise program = program_;
        for (std::size_t i = 0; i < sources_.size(); ++i)
            if (sources_[i] != ProgramBuilder::kConstant) program.inputs[i].data = args.inputs[sources_[i]];
        program.output = args.outputs[0];
        simd::pointwise(program, threads_);
    }
    [[nodiscard]] std::string implementation() const override {
        return std::to_string(program_.step_count) + " steps in one pass";
    }

  private:
    simd::Pointwise program_;
    std::vector<std::size_t> sources_;
    std::vector<Tensor> constants_;
    int threads_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    ProgramBuilder built(context, tactic);
    if (!built.runs) throw Error(ErrorCode::unsupported, "an operand's innermost elements do not lie together");
    return std::make_unique<PointwiseKernel>(std::move(built), context.threads);
}

}  // namespace

Family pointwise_family() { return {"pointwise", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
