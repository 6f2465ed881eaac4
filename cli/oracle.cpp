#include "oracle.hpp"

#include "api/backends.hpp"
#include "compiler/build.hpp"
#include "fovea/error.hpp"
#include "onnx/import.hpp"
#include "ops/evaluate.hpp"
#include "runtime/engine.hpp"

namespace fovea::cli {
namespace {

/// The model with the plan's fixed sizes as numbers and its ranges left open.
ir::Graph read(const plan::Plan& plan, const std::filesystem::path& model) {
    onnx::ImportOptions import;
    for (const auto& [name, profile] : plan.profile) {
        ir::Dims dims;
        for (std::size_t i = 0; i < profile.opt.size(); ++i)
            dims.push_back(profile.min[i] == profile.max[i] ? ir::Dim(profile.opt[i])
                                                            : ir::Dim(name + "." + std::to_string(i)));
        import.shapes[name] = std::move(dims);
    }
    return onnx::import_model(model, import);
}

const Tensor& find(const Tensors& tensors, const std::string& name) {
    const auto found = tensors.find(name);
    if (found == tensors.end())
        throw Error(ErrorCode::invalid_argument, "the plan has no such input; is it built from this model?")
            .in("input " + name);
    return found->second;
}

Tensors by_reference(const ir::Graph& graph, const Tensors& inputs) {
    std::vector<Tensor> list;
    for (const ir::ValueId id : graph.inputs) list.push_back(find(inputs, graph.value(id).name));
    const auto results = ops::evaluate(graph, std::move(list));
    Tensors outputs;
    for (std::size_t i = 0; i < results.size(); ++i) outputs[graph.outputs[i].name] = results[i];
    return outputs;
}

Tensors by_engine(runtime::Context& context, const Tensors& inputs) {
    const ir::Graph& graph = context.engine().plan().graph;
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
        const Tensor& tensor = find(inputs, graph.value(graph.inputs[i]).name);
        context.bind_input(i, tensor.dtype(), tensor.shape(), tensor.raw());
    }
    context.run();
    Tensors outputs;
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) outputs[graph.outputs[i].name] = context.output(i).clone();
    return outputs;
}

}  // namespace

Oracle make_oracle(const plan::Plan& plan, const std::filesystem::path& model, OracleKind kind) {
    ir::Graph graph = read(plan, model);
    if (kind == OracleKind::reference)
        return [shared = std::make_shared<const ir::Graph>(std::move(graph))](const Tensors& inputs) {
            return by_reference(*shared, inputs);
        };
    compiler::BuildOptions options;
    options.profile = plan.profile;
    options.gate = compiler::GateMode::off;
    options.fuse = false;
    options.tune = false;
    auto unfused = compiler::build(std::move(graph), api::backends(), options);
    auto engine = std::make_shared<const runtime::Engine>(std::move(unfused), api::backends());
    auto context = std::make_shared<runtime::Context>(std::move(engine));
    return [context](const Tensors& inputs) { return by_engine(*context, inputs); };
}

}  // namespace fovea::cli
