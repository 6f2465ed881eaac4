#include <algorithm>

#include "backend/cuda/element_code.hpp"
#include "backend/cuda/families.hpp"
#include "backend/cuda/locate.hpp"
#include "base/dispatch.hpp"

namespace fovea::backend::cuda {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "OneHot" && node.op != "EyeLike" && node.op != "Trilu" && node.op != "ReverseSequence")
        return refuse(Reason::unsupported_operator);
    const auto y = context.shape(node.outputs[0]);
    if (!y || !context.shape(node.inputs[0])) return refuse(Reason::shape_depends_on_data);
    if (y->size() > kMostMoveAxes || base::element_count(*y) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements, or more than 8 axes");
    if (node.op == "Trilu" && node.inputs.size() > 1 && node.inputs[1] != ir::kNone &&
        !context.graph.constant(node.inputs[1]))
        return refuse(Reason::unsupported_attribute, "a diagonal chosen at run time");
    if (node.op == "OneHot" && memory_type(context.info(node.inputs[0]).dtype).empty())
        return refuse(Reason::unsupported_dtype);
    if (node.op == "EyeLike" && memory_type(context.info(node.outputs[0]).dtype).empty())
        return refuse(Reason::unsupported_dtype);
    return make_region(context, "lookup", {root});
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    return {uniform_tactic(context, "plain", Layout::plain)};
}

/// The element of a dense tensor of shape `shape` at the place of the output, where `other` may replace an axis.
std::string at_place(Locate& code, const Shape& shape, std::optional<std::size_t> replaced = {},
                     const std::string& other = {}) {
    const Shape strides = base::row_major_strides(shape);
    std::string result = "0";
    for (std::size_t i = 0; i < shape.size(); ++i)
        result += " + " + (replaced == i ? "(" + other + ")" : Locate::place(i)) + " * " + code.number(strides[i]);
    return result;
}

/// `a` - `b` in wide integers.
std::string difference(std::size_t a, std::size_t b) { return "(" + Locate::place(a) + " - " + Locate::place(b) + ")"; }

std::unique_ptr<Kernel> one_hot(const Target& target, const RegionContext& context) {
    const ir::Node& node = context.node(0);
    const Shape y = context.shape(node.outputs[0]);
    const auto axis = static_cast<std::size_t>(
        base::normalize_axis(node.get<std::int64_t>("axis", -1), static_cast<std::int64_t>(y.size())));
    Locate code(context.dtype(node.outputs[0]), y, false);
    // The axis has no stride in the indices.
    Shape strides = base::row_major_strides(context.shape(node.inputs[0]));
    strides.insert(strides.begin() + static_cast<std::ptrdiff_t>(axis), 0);
    std::string place = "0";
    for (std::size_t i = 0; i < y.size(); ++i) place += " + " + Locate::place(i) + " * " + code.number(strides[i]);
    code.line("const long long hot = static_cast<long long>(held(static_cast<const " +
              std::string(memory_type(context.dtype(node.inputs[0]))) + "*>(args.table)[" + place + "]));");
    const std::string at = Locate::place(axis), depth = code.number(y[axis]);
    return code.make(target, "hot == " + at + " || hot == " + at + " - " + depth + " ? 1 : 0",
                     {context.input_index(node.inputs[2]), context.input_index(node.inputs[0])},
                     constant_inputs(target, context));
}

std::unique_ptr<Kernel> eye(const Target& target, const RegionContext& context) {
    const ir::Node& node = context.node(0);
    const DType type = context.dtype(node.outputs[0]);
    Locate code(type, context.shape(node.outputs[0]), false);
    const float numbers[] = {0, 1};
    const Tensor values = Tensor::from<float>({2}, numbers).cast(type);
    auto constants = constant_inputs(target, context);
    const std::size_t input = constants.size();
    constants.push_back(device_constant(target, context, "zero and one", {values.raw(), values.bytes()}));
    const std::string diagonal = code.number(node.get<std::int64_t>("k", 0));
    return code.make(target, difference(1, 0) + " == " + diagonal + " ? 1 : 0", {input}, std::move(constants));
}

std::unique_ptr<Kernel> triangle(const Target& target, const RegionContext& context) {
    const ir::Node& node = context.node(0);
    const Shape y = context.shape(node.outputs[0]);
    Locate code(context.dtype(node.outputs[0]), y, false);
    std::int64_t k = 0;
    if (node.inputs.size() > 1 && node.inputs[1] != ir::kNone) k = context.constant(node.inputs[1])->to_int64().at(0);
    k = std::clamp<std::int64_t>(k, -kMostMoved, kMostMoved);
    const std::string kept = difference(y.size() - 1, y.size() - 2) +
                             (node.get<std::int64_t>("upper", 1) ? " >= " : " <= ") + code.number(k);
    const std::string source = at_place(code, y);
    return code.make(target, kept + " ? " + source + " : -1", {context.input_index(node.inputs[0])},
                     constant_inputs(target, context));
}

std::unique_ptr<Kernel> reverse(const Target& target, const RegionContext& context) {
    const ir::Node& node = context.node(0);
    const Shape y = context.shape(node.outputs[0]);
    const auto time = static_cast<std::size_t>(node.get<std::int64_t>("time_axis", 0));
    Locate code(context.dtype(node.outputs[0]), y, false);
    code.line("const int length = static_cast<int>(static_cast<const long long*>(args.table)[" +
              Locate::place(1 - time) + "]);");
    const std::string at = Locate::place(time);
    const std::string source = at_place(code, y, time, at + " < length ? length - 1 - " + at + " : " + at);
    return code.make(target, source, {context.input_index(node.inputs[0]), context.input_index(node.inputs[1])},
                     constant_inputs(target, context));
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic&) {
    const std::string& op = context.node(0).op;
    if (op == "OneHot") return one_hot(target, context);
    if (op == "EyeLike") return eye(target, context);
    return op == "Trilu" ? triangle(target, context) : reverse(target, context);
}

}  // namespace

CudaFamily lookup_kernels() { return {"lookup", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
