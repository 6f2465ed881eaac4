#include "tensors.hpp"

#include "compiler/gate.hpp"
#include "fovea/error.hpp"
#include "npy.hpp"
#include "runtime/engine.hpp"

namespace fovea::cli {
namespace {

std::string names(const Engine& engine) {
    std::string text;
    for (const TensorInfo& input : engine.inputs()) text += (text.empty() ? "" : ", ") + input.name;
    return text;
}

void require_known(const Engine& engine, const std::string& name) {
    for (const TensorInfo& input : engine.inputs())
        if (input.name == name) return;
    throw Error(ErrorCode::invalid_argument, "the plan has no input of this name; its inputs are: " + names(engine))
        .in("input " + name);
}

}  // namespace

Tensors random_inputs(const Engine& engine, const std::map<std::string, Shape>& shapes, std::uint32_t seed) {
    for (const auto& [name, shape] : shapes) require_known(engine, name);
    const plan::Plan& plan = engine.content()->plan();
    std::vector<Shape> ordered;
    for (const TensorInfo& input : engine.inputs()) {
        const auto given = shapes.find(input.name);
        ordered.push_back(given != shapes.end() ? given->second : plan.profile.at(input.name).opt);
    }
    const auto list = compiler::random_inputs(plan.graph, ordered, seed);
    Tensors tensors;
    for (std::size_t i = 0; i < list.size(); ++i) tensors[engine.inputs()[i].name] = list[i];
    return tensors;
}

Tensors match_inputs(const Engine& engine, Tensors tensors) {
    if (tensors.size() == 1 && tensors.begin()->first.empty() && engine.inputs().size() == 1)
        tensors = {{engine.inputs()[0].name, tensors.begin()->second}};
    for (const auto& [name, tensor] : tensors) require_known(engine, name);
    for (const TensorInfo& input : engine.inputs()) {
        const auto found = tensors.find(input.name);
        if (found == tensors.end())
            throw Error(ErrorCode::invalid_argument,
                        "the input is not given; arrays are named after the plan's inputs: " + names(engine))
                .in("input " + input.name);
        Tensor& tensor = found->second;
        if (tensor.dtype() == input.dtype) continue;
        if (tensor.dtype() != numpy_dtype(input.dtype))
            throw Error(ErrorCode::invalid_argument, "expected type " + std::string(to_string(input.dtype)) +
                                                         ", found " + std::string(to_string(tensor.dtype())) +
                                                         "; convert the array")
                .in("input " + input.name);
        tensor = tensor.cast(input.dtype);
    }
    return tensors;
}

void bind_inputs(Context& context, const Tensors& tensors) {
    for (const auto& [name, tensor] : tensors)
        context.bind(name, {tensor.dtype(), tensor.shape(), const_cast<std::byte*>(tensor.raw())});
}

Tensors outputs(const Engine& engine, const Context& context) {
    Tensors tensors;
    for (const TensorInfo& output : engine.outputs()) {
        const TensorView view = context.output(output.name);
        tensors[output.name] = Tensor(view.dtype, view.shape, view.data, nullptr).clone();
    }
    return tensors;
}

}  // namespace fovea::cli
