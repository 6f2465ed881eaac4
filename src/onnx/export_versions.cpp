#include <algorithm>

#include "onnx/export.hpp"
#include "onnx/fail.hpp"
#include "ops/op.hpp"

namespace fovea::onnx {
namespace {

constexpr std::int64_t kOldest = 17;

/// A node and the graph it stands in.
struct Use {
    const ir::Graph& graph;
    const ir::Node& node;

    [[nodiscard]] bool has(std::string_view attribute) const { return node.attributes.contains(attribute); }
    [[nodiscard]] bool input(std::size_t i) const { return i < node.inputs.size() && node.inputs[i] != ir::kNone; }
    [[nodiscard]] DType type(std::size_t i) const {
        return input(i) ? graph.value(node.inputs[i]).dtype : DType::undefined;
    }
    [[nodiscard]] bool text(std::string_view attribute, std::string_view value) const {
        const auto* found = node.find<std::string>(attribute);
        return found && *found == value;
    }
    /// Whether an input or output is of `type`.
    [[nodiscard]] bool touches(DType type) const {
        const auto is = [&](ir::ValueId id) { return id != ir::kNone && graph.value(id).dtype == type; };
        return std::any_of(node.inputs.begin(), node.inputs.end(), is) ||
               std::any_of(node.outputs.begin(), node.outputs.end(), is);
    }
};

bool bf16(const Use& use) { return use.touches(DType::bf16); }

/// Before operator set 22 a last window that starts in the padding counted in ceil mode.
bool rounds_up(const Use& use) { return use.has("ceil_mode"); }

/// The operator set from which on a use of an operator means the same as the newest one; without a condition every use.
/// Operators that no line names are as old as kOldest in the form that the graph holds.
struct Since {
    std::string_view op;
    std::int64_t version;
    bool (*applies)(const Use&) = nullptr;
};

constexpr Since kSince[] = {
    {"Acos", 22, bf16},
    {"Acosh", 22, bf16},
    {"AffineGrid", 20},
    {"Asin", 22, bf16},
    {"Asinh", 22, bf16},
    {"Atan", 22, bf16},
    {"Atanh", 22, bf16},
    {"Attention", 23},
    {"Attention", 24, [](const Use& use) { return use.input(6); }},
    {"Attention", 25, [](const Use& use) { return use.has("left_window_size") || use.has("right_window_size"); }},
    {"AveragePool", 19, [](const Use& use) { return use.has("dilations"); }},
    {"AveragePool", 22, bf16},
    {"AveragePool", 22, rounds_up},
    {"BitCast", 26},
    {"BitShift", 28,
     [](const Use& use) {
         return use.type(0) == DType::i8 || use.type(0) == DType::i16 || use.type(0) == DType::i32 ||
                use.type(0) == DType::i64;
     }},
    {"BitwiseAnd", 18},
    {"BitwiseNot", 18},
    {"BitwiseOr", 18},
    {"BitwiseXor", 18},
    {"Cast", 19, [](const Use& use) { return use.has("saturate"); }},
    {"Cast", 24, [](const Use& use) { return use.has("round_mode"); }},
    {"CastLike", 19, [](const Use& use) { return use.has("saturate"); }},
    {"CastLike", 24, [](const Use& use) { return use.has("round_mode"); }},
    {"CausalConvWithState", 27},
    {"Celu", 28, [](const Use& use) { return use.type(0) != DType::f32; }},
    {"CenterCropPad", 18},
    {"Col2Im", 18},
    {"Compress", 28, bf16},
    {"ConstantOfShape", 20, bf16},
    {"Conv", 22, bf16},
    {"ConvTranspose", 22, bf16},
    {"Cos", 22, bf16},
    {"Cosh", 22, bf16},
    {"CumProd", 26},
    {"DFT", 20},
    {"DeformConv", 19},
    {"DeformConv", 22, bf16},
    {"DequantizeLinear", 19, [](const Use& use) { return use.type(1) != DType::f32; }},
    {"DequantizeLinear", 21,
     [](const Use& use) { return use.has("block_size") || use.type(0) == DType::i16 || use.type(0) == DType::u16; }},
    {"DequantizeLinear", 23, [](const Use& use) { return use.has("output_dtype"); }},
    {"Det", 22, bf16},
    {"Dropout", 22, bf16},
    {"Einsum", 28, bf16},
    {"Elu", 22, bf16},
    {"EyeLike", 22, bf16},
    {"GRU", 22, bf16},
    {"Gelu", 20},
    {"GlobalAveragePool", 22, bf16},
    {"GlobalLpPool", 22, bf16},
    {"GlobalMaxPool", 22, bf16},
    {"GridSample", 20},
    {"GridSample", 22, bf16},
    {"GroupNormalization", 21},
    {"HardSigmoid", 22, bf16},
    {"HardSwish", 22, bf16},
    {"InstanceNormalization", 22, bf16},
    {"IsInf", 20, [](const Use& use) { return use.type(0) != DType::f32 && use.type(0) != DType::f64; }},
    {"IsNaN", 20, [](const Use& use) { return element_bytes(use.type(0)) == 1; }},
    {"LSTM", 22, bf16},
    {"LinearAttention", 27},
    {"LpNormalization", 22, bf16},
    {"LpPool", 18, [](const Use& use) { return use.has("ceil_mode") || use.has("dilations"); }},
    {"LpPool", 22, bf16},
    {"LpPool", 22, rounds_up},
    {"MaxPool", 22, bf16},
    {"MaxPool", 22, rounds_up},
    {"MaxUnpool", 22, bf16},
    {"Mish", 18},
    {"Mish", 22, bf16},
    {"Mod", 28, bf16},
    {"OneHot", 28, bf16},
    {"Pad", 18, [](const Use& use) { return use.input(3); }},
    {"Pad", 19, [](const Use& use) { return use.text("mode", "wrap"); }},
    {"QLinearMatMul", 21, [](const Use& use) { return use.type(1) != DType::f32; }},
    {"QuantizeLinear", 19,
     [](const Use& use) { return use.has("saturate") || (use.type(0) != DType::f32 && use.type(0) != DType::i32); }},
    {"QuantizeLinear", 21,
     [](const Use& use) {
         return use.has("block_size") || use.has("output_dtype") || use.type(2) == DType::i16 ||
                use.type(2) == DType::u16;
     }},
    {"QuantizeLinear", 23, [](const Use& use) { return use.has("precision") || use.type(1) != use.type(0); }},
    {"RMSNormalization", 23},
    {"RNN", 22, bf16},
    {"Range", 27, [](const Use& use) { return use.type(0) == DType::f16 || use.type(0) == DType::bf16; }},
    {"ReduceL1", 18},
    {"ReduceL2", 18},
    {"ReduceLogSum", 18},
    {"ReduceLogSumExp", 18},
    {"ReduceMax", 18},
    {"ReduceMax", 20, [](const Use& use) { return use.type(0) == DType::boolean; }},
    {"ReduceMean", 18},
    {"ReduceMin", 18},
    {"ReduceMin", 20, [](const Use& use) { return use.type(0) == DType::boolean; }},
    {"ReduceProd", 18},
    {"ReduceSumSquare", 18},
    {"Resize", 18,
     [](const Use& use) { return use.has("antialias") || use.has("axes") || use.has("keep_aspect_ratio_policy"); }},
    {"Resize", 19, [](const Use& use) { return use.text("coordinate_transformation_mode", "half_pixel_symmetric"); }},
    {"ReverseSequence", 28, bf16},
    {"RoiAlign", 22, bf16},
    {"RotaryEmbedding", 23},
    {"Round", 22, bf16},
    {"ScatterElements", 18, [](const Use& use) { return use.has("reduction"); }},
    {"ScatterND", 18, [](const Use& use) { return use.has("reduction"); }},
    {"Selu", 22, bf16},
    {"Sin", 22, bf16},
    {"Sinh", 22, bf16},
    {"Softplus", 22, bf16},
    {"Softsign", 22, bf16},
    {"SpaceToDepth", 28, [](const Use& use) { return use.has("mode"); }},
    {"Split", 18, [](const Use& use) { return use.has("num_outputs"); }},
    {"SwiGLU", 28},
    {"Swish", 24},
    {"Tan", 22, bf16},
    {"TensorScatter", 24},
    {"ThresholdedRelu", 22, bf16},
    {"TopK", 24, bf16},
    {"Unique", 28, bf16},
};

/// The operator set in which operators that move or convert elements learned a type.
std::int64_t since(DType type) {
    switch (type) {
        case DType::f8e4m3fn:
        case DType::f8e4m3fnuz:
        case DType::f8e5m2:
        case DType::f8e5m2fnuz: return 19;
        case DType::i4:
        case DType::u4: return 21;
        case DType::f4e2m1: return 23;
        case DType::f8e8m0: return 24;
        case DType::i2:
        case DType::u2: return 25;
        default: return kOldest;
    }
}

}  // namespace

std::int64_t required_opset(const ir::Graph& graph) {
    std::int64_t version = kOldest;
    for (ir::ValueId id = 0; id < graph.value_count(); ++id) version = std::max(version, since(graph.value(id).dtype));
    for (const ir::NodeId id : graph.order()) {
        const ir::Node& node = graph.node(id);
        if (!ops::find(node.op))
            throw Error(kUnsupported, "ONNX has no such operator › expand it first")
                .in("node " + node.name + " (" + node.op + ")");
        const Use use{graph, node};
        for (const Since& line : kSince)
            if (line.op == node.op && (!line.applies || line.applies(use))) version = std::max(version, line.version);
        for (const auto& [key, attribute] : node.attributes)
            if (const auto* body = std::get_if<std::shared_ptr<const ir::Graph>>(&attribute))
                version = std::max(version, required_opset(**body));
    }
    return version;
}

}  // namespace fovea::onnx
