#include "backend/cuda/cudnn_graph.hpp"

#include <algorithm>

#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

/// Configurations that the heuristics are asked for.
constexpr std::int64_t kProposals = 8;

cudnnDataType_t data_type(DType type) {
    return type == DType::f32 ? CUDNN_DATA_FLOAT : type == DType::f16 ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16;
}

std::optional<cudnnPointwiseMode_t> pointwise_mode(Activation activation) {
    switch (activation) {
        case Activation::relu:
        case Activation::clip: return CUDNN_POINTWISE_RELU_FWD;
        case Activation::sigmoid: return CUDNN_POINTWISE_SIGMOID_FWD;
        case Activation::tanh: return CUDNN_POINTWISE_TANH_FWD;
        case Activation::swish: return CUDNN_POINTWISE_SWISH_FWD;
        case Activation::gelu_erf: return CUDNN_POINTWISE_GELU_FWD;
        case Activation::gelu_tanh: return CUDNN_POINTWISE_GELU_APPROX_TANH_FWD;
        default: return std::nullopt;
    }
}

CudnnDescriptor tensor(std::int64_t uid, const ConvProblem::Image& image, cudnnDataType_t type, bool is_virtual) {
    CudnnDescriptor result(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    result.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, uid).set(CUDNN_ATTR_TENSOR_DATA_TYPE, type);
    result.set(CUDNN_ATTR_TENSOR_DIMENSIONS, image.dims).set(CUDNN_ATTR_TENSOR_STRIDES, image.strides);
    result.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, image.alignment).set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
    return std::move(result.finalize());
}

CudnnDescriptor convolution(const ConvProblem& p) {
    CudnnDescriptor result(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    result.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    result.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    result.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
    result.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, p.dilations).set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, p.strides);
    result.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, p.pads_begin);
    result.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, p.pads_end);
    return std::move(result.finalize());
}

CudnnDescriptor pointwise(cudnnPointwiseMode_t mode, const EpilogueStep* step = nullptr) {
    CudnnDescriptor result(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    result.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    result.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    if (step && step->activation == Activation::clip) {
        result.set(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, static_cast<double>(step->alpha));
        result.set(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, static_cast<double>(step->beta));
    }
    if (step && step->activation == Activation::swish)
        result.set(CUDNN_ATTR_POINTWISE_SWISH_BETA, static_cast<double>(step->alpha));
    return std::move(result.finalize());
}

/// Bit-equal from run to run, and no less exact than the type allows.
bool suits(const ConvProblem& p, const CudnnDescriptor& engine) {
    const auto notes = engine.get<cudnnBackendNumericalNote_t>(
        CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
    return std::none_of(notes.begin(), notes.end(), [&](cudnnBackendNumericalNote_t note) {
        if (p.type == DType::f32 && !p.tf32 && note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE) return true;
        return note != CUDNN_NUMERICAL_NOTE_TENSOR_CORE && note != CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP;
    });
}

/// An engine and its knobs as "12:k3=1,k7=0".
std::string text_of(const CudnnDescriptor& config, const CudnnDescriptor& engine) {
    std::string text = std::to_string(engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64).at(0));
    char separator = ':';
    for (const CudnnDescriptor& knob :
         config.get(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, CUDNN_KNOB_TYPE_COUNTS)) {
        const auto type =
            knob.get<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE).at(0);
        const auto value = knob.get<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64).at(0);
        text += std::string(1, separator) + "k" + std::to_string(static_cast<int>(type)) + "=" + std::to_string(value);
        separator = ',';
    }
    return text;
}

}  // namespace

std::string ConvProblem::text() const {
    std::string text = std::string(fovea::to_string(type)) + (tf32 ? "t" : "") + (bias ? "b" : "");
    const auto add = [&](const auto& numbers) {
        for (const std::int64_t n : numbers) text += "," + std::to_string(n);
    };
    for (const Image* image : {&input, &weights, &result, &addend}) {
        add(image->dims);
        add(image->strides);
        text += "a" + std::to_string(image->alignment);
    }
    for (const auto* list : {&strides, &dilations, &pads_begin, &pads_end}) add(*list);
    return text + (adds ? "+" : "") + std::to_string(static_cast<int>(activation.activation)) + "/" +
           std::to_string(activation.alpha) + "/" + std::to_string(activation.beta);
}

bool cudnn_activation(Activation activation) {
    return activation == Activation::none || pointwise_mode(activation).has_value();
}

CudnnDescriptor operation_graph(const ConvProblem& p, cudnnHandle_t handle) {
    const cudnnDataType_t type = data_type(p.type);
    const bool activates = p.activation.activation != Activation::none;
    int left = (p.bias ? 1 : 0) + (p.adds ? 1 : 0) + (activates ? 1 : 0);  // operations behind the one being added
    std::int64_t uid = kFirstVirtual;
    const auto next = [&] {
        return left == 0 ? tensor(kResult, p.result, type, false) : tensor(uid++, p.result, CUDNN_DATA_FLOAT, true);
    };
    std::vector<CudnnDescriptor> operations;
    CudnnDescriptor last = next();
    CudnnDescriptor conv(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    conv.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0f);
    conv.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0f);
    conv.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution(p));
    conv.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, tensor(kInput, p.input, type, false));
    conv.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, tensor(kWeights, p.weights, type, false));
    conv.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, last);
    operations.push_back(std::move(conv.finalize()));
    const auto append = [&](const CudnnDescriptor& what, const CudnnDescriptor* operand) {
        --left;
        CudnnDescriptor result = next();
        CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
        operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, what);
        operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, last);
        if (operand) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *operand);
        operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, result);
        operations.push_back(std::move(operation.finalize()));
        last = std::move(result);
    };
    const std::int64_t outputs = p.result.dims[1];
    const CudnnDescriptor sum = pointwise(CUDNN_POINTWISE_ADD);
    if (p.bias) {
        const CudnnDescriptor bias =
            tensor(kBias, {{1, outputs, 1, 1}, {outputs, 1, outputs, outputs}, 16}, CUDNN_DATA_FLOAT, false);
        append(sum, &bias);
    }
    if (p.adds) {
        const CudnnDescriptor addend = tensor(kAddend, p.addend, type, false);
        append(sum, &addend);
    }
    if (activates) append(pointwise(*pointwise_mode(p.activation.activation), &p.activation), nullptr);
    CudnnDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations).set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle);
    return std::move(graph.finalize());
}

std::vector<std::string> proposed_engines(const ConvProblem& problem, cudnnHandle_t handle, std::size_t most) {
    std::vector<std::string> result;
    const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, operation_graph(problem, handle));
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode).finalize();
    for (const CudnnDescriptor& config :
         heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, kProposals)) {
        const auto engine = config.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
        if (result.size() < most && suits(problem, engine.at(0))) result.push_back(text_of(config, engine[0]));
    }
    return result;
}

CudnnDescriptor engine_config(const CudnnDescriptor& graph, const std::string& text) {
    const char* at = text.c_str();
    char* end = nullptr;
    CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph);
    engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, static_cast<std::int64_t>(std::strtoll(at, &end, 10))).finalize();
    std::vector<CudnnDescriptor> knobs;
    while (end[0] && end[1] == 'k') {
        const auto type = static_cast<cudnnBackendKnobType_t>(std::strtol(end + 2, &end, 10));
        if (*end != '=') throw Error(ErrorCode::corrupt_plan, "\"" + text + "\" names no engine of cuDNN");
        const std::int64_t value = std::strtoll(end + 1, &end, 10);
        CudnnDescriptor knob(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
        knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type);
        knobs.push_back(std::move(knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value).finalize()));
    }
    CudnnDescriptor config(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    config.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
    if (!knobs.empty()) config.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, knobs);
    return std::move(config.finalize());
}

}  // namespace fovea::backend::cuda
