#include <algorithm>

#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

/// Operators that have kernels for quantised inputs: these want a DequantizeLinear of their own.
bool takes_quantised(std::string_view op) {
    constexpr std::string_view kOps[] = {"Add",         "AveragePool", "Clip",
                                         "Concat",      "Conv",        "DepthToSpace",
                                         "Flatten",     "Gemm",        "GlobalAveragePool",
                                         "HardSigmoid", "HardSwish",   "LeakyRelu",
                                         "MatMul",      "MaxPool",     "QuantizeLinear",
                                         "Relu",        "Reshape",     "Resize",
                                         "Sigmoid",     "Slice",       "Squeeze",
                                         "Swish",       "Transpose",   "Unsqueeze"};
    return std::find(std::begin(kOps), std::end(kOps), op) != std::end(kOps);
}

/// Whether `node` reads `id` and leaves the DequantizeLinear behind it to another reader.
bool wants_own(const View& view, ir::ValueId id, ir::NodeId node) {
    if (id == ir::kNone || !view.producer(id, "DequantizeLinear") || view.single_use(id)) return false;
    const auto& readers = view.readers(id);
    return view.is_output(id) || readers.front() != node;
}

std::vector<ir::Patch> propose(const View& view) {
    std::vector<ir::Patch> patches;
    for (const ir::NodeId id : view.order()) {
        const ir::Node& node = view.graph().node(id);
        if (!takes_quantised(node.op) || node.outputs.size() != 1) continue;
        ir::Patch patch(view.graph());
        auto inputs = node.inputs;
        for (ir::ValueId& input : inputs) {
            if (!wants_own(view, input, id)) continue;
            const ir::Node& shared = *view.producer(input);
            input = patch.node(shared.op, shared.inputs, shared.attributes, shared.name);
        }
        if (inputs == node.inputs) continue;
        patch.replace(node.outputs[0], patch.node(node.op, inputs, node.attributes, node.name));
        patches.push_back(std::move(patch));
    }
    return patches;
}

}  // namespace

Pass separate_dequantisers() {
    return {"separate-dequantisers",
            "gives every reader of a quantised tensor a DequantizeLinear of its own, for kernels that read the numbers "
            "themselves",
            propose};
}

}  // namespace fovea::pass
