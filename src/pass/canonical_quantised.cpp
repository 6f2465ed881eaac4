#include "ops/onnx_type.hpp"
#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::Patch;
using ir::ValueId;

bool bytes(const View& view, ValueId id) { return view.dtype(id) == DType::u8 || view.dtype(id) == DType::i8; }

/// How many numbers a scale or zero point holds; an omitted one is a single number.
std::optional<std::int64_t> count(const View& view, ValueId id) {
    if (id == kNone) return 1;
    const auto shape = view.shape(id);
    if (!shape || (shape->size() > 1 && base::element_count(*shape) != 1)) return std::nullopt;
    return base::element_count(*shape);
}

/// Whether DequantizeLinear expresses `scale` and `zero`: equally many numbers, or zero points that are all 0.
bool expressible(const View& view, ValueId scale, ValueId zero) {
    const auto scales = count(view, scale), zeros = count(view, zero);
    if (!scales || !zeros || view.dtype(scale) != DType::f32) return false;
    return *scales == *zeros || filled_with(view, zero, 0);
}

/// `zero`, or `kNone` for zero points of another number than the scales, which are all 0.
ValueId fitting(const View& view, ValueId scale, ValueId zero) {
    return count(view, scale) == count(view, zero) ? zero : kNone;
}

/// `stored` as real numbers; `scale` and `zero` hold one number, or one for each place along `axis`.
ValueId dequantise(Patch& patch, ValueId stored, ValueId scale, ValueId zero, std::int64_t axis) {
    std::vector<ValueId> inputs = {stored, scale};
    if (zero != kNone) inputs.push_back(zero);
    return patch.node("DequantizeLinear", std::move(inputs), {{"axis", axis}});
}

/// Axis of the weights along which scales may differ: a convolution's filters, a matrix's columns.
std::optional<std::int64_t> channels(const View& view, std::string_view product, ValueId weights) {
    if (product == "Conv") return 0;
    const auto rank = view.rank(weights);
    return rank && *rank >= 2 ? std::optional(*rank - 1) : std::nullopt;
}

/// QLinearConv and QLinearMatMul; inputs are x, scale, zero point of both operands and of the result, and a bias in
/// units of both scales.
void expand_linear(const View& view, const Node& node, const char* product, Patch& patch) {
    const auto axis = channels(view, product, node.inputs[3]);
    if (!axis || !bytes(view, node.inputs[0]) || !bytes(view, node.inputs[3]) || !bytes(view, node.outputs[0]) ||
        count(view, node.inputs[1]) != 1 || count(view, node.inputs[6]) != 1 || count(view, node.inputs[7]) != 1 ||
        view.dtype(node.inputs[6]) != DType::f32 || !expressible(view, node.inputs[1], node.inputs[2]) ||
        !expressible(view, node.inputs[4], node.inputs[5]))
        return;
    const ValueId x_scale = node.inputs[1], w_scale = node.inputs[4];
    std::vector<ValueId> inputs = {
        dequantise(patch, node.inputs[0], x_scale, fitting(view, x_scale, node.inputs[2]), 0),
        dequantise(patch, node.inputs[3], w_scale, fitting(view, w_scale, node.inputs[5]), *axis)};
    if (const ValueId bias = View::input(node, 8); bias != kNone)
        inputs.push_back(dequantise(patch, bias, patch.node("Mul", {x_scale, w_scale}), kNone, 0));
    const ValueId result = patch.node(product, inputs, node.attributes);
    patch.replace(node.outputs[0], patch.node("QuantizeLinear", {result, node.inputs[6], node.inputs[7]}));
}

/// The ConvInteger or MatMulInteger whose sums `cast` makes f32.
const Node* integer_product(const View& view, const Node* cast) {
    if (!cast || cast->op != "Cast" || view.dtype(cast->outputs[0]) != DType::f32) return nullptr;
    for (const char* op : {"ConvInteger", "MatMulInteger"})
        if (const Node* product = view.producer(cast->inputs[0], op)) return product;
    return nullptr;
}

/// The number that the only reader of `id` multiplies it by.
ValueId factor(const View& view, ValueId id) {
    if (!view.single_use(id)) return kNone;
    const Node& reader = view.graph().node(view.readers(id).front());
    if (reader.op != "Mul") return kNone;
    const ValueId other = reader.inputs[reader.inputs[0] == id ? 1 : 0];
    return view.dtype(other) == DType::f32 && view.rank(other) <= 1 && count(view, other) == 1 ? other : kNone;
}

/// Sums of products of whole numbers that become f32 are the product of the operands as f32, to f32's rounding; a
/// factor behind is a scale.
void expand_integer(const View& view, const Node& node, Patch& patch) {
    const Node* cast = &node;
    ValueId scale = kNone;
    if (node.op == "Mul") {
        for (const ValueId input : node.inputs)
            if (const Node* before = view.producer(input, "Cast"); before && factor(view, input) != kNone) {
                cast = before;
                scale = factor(view, input);
            }
    }
    const Node* integer = integer_product(view, cast);
    if (!integer || (node.op == "Cast" && factor(view, node.outputs[0]) != kNone)) return;
    const char* product = integer->op == "ConvInteger" ? "Conv" : "MatMul";
    const ValueId x = integer->inputs[0], w = integer->inputs[1], zero = View::input(*integer, 3);
    const auto axis = channels(view, product, w), zeros = count(view, zero);
    if (!axis || !zeros || !bytes(view, x) || !bytes(view, w) || count(view, View::input(*integer, 2)) != 1) return;
    const ValueId one = patch.constant(Tensor::scalar(1.0f));
    const std::vector<float> numbers(static_cast<std::size_t>(*zeros), 1);
    const ValueId ones = *zeros == 1 ? one : patch.constant(Tensor::from<float>({*zeros}, numbers));
    const std::vector<ValueId> inputs = {
        dequantise(patch, x, scale == kNone ? one : scale, View::input(*integer, 2), 0),
        dequantise(patch, w, ones, zero, *axis)};
    patch.replace(node.outputs[0], patch.node(product, inputs, integer->attributes));
}

/// Interpolating whole numbers is interpolating real ones, rounded towards zero.
void expand_resize(const View& view, const Node& node, Patch& patch) {
    if (!bytes(view, node.inputs[0]) || node.get<std::string>("mode", "nearest") != "linear") return;
    const auto cast = [&](ValueId id, DType type) {
        return patch.node("Cast", {id}, {{"to", ops::onnx_number(type)}});
    };
    auto inputs = node.inputs;
    inputs[0] = cast(inputs[0], DType::f32);
    patch.replace(node.outputs[0], cast(patch.node("Resize", inputs, node.attributes), view.dtype(node.outputs[0])));
}

void rewrite(const View& view, const Node& node, Patch& patch) {
    if (node.op == "QLinearConv") expand_linear(view, node, "Conv", patch);
    if (node.op == "QLinearMatMul") expand_linear(view, node, "MatMul", patch);
    if (node.op == "Resize") expand_resize(view, node, patch);
    if (node.op == "Cast" || node.op == "Mul") expand_integer(view, node, patch);
}

std::vector<Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass canonical_quantised() {
    return {"canonical-quantised",
            "writes quantised operators in one form: DequantizeLinear, the operator on real numbers, QuantizeLinear",
            propose};
}

}  // namespace fovea::pass
