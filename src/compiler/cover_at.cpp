#include "compiler/cover_at.hpp"

#include "compiler/fold_dequantised.hpp"
#include "ir/text.hpp"

namespace fovea::compiler {
namespace {

ops::ValueTable values_at(const ir::Graph& graph, const std::vector<Shape>& shapes) {
    ops::InferOptions options;
    for (std::size_t i = 0; i < shapes.size(); ++i) options.input_shapes[graph.value(graph.inputs[i]).name] = shapes[i];
    return ops::infer(graph, options);
}

}  // namespace

ir::Graph canonical(const ir::Graph& graph) {
    std::vector<Tensor> constants;
    const std::string text = ir::print(graph, [&](const Tensor& tensor) {
        constants.push_back(tensor);
        return static_cast<std::int64_t>(constants.size() - 1);
    });
    return ir::parse(
        text, [&](std::int64_t index, DType, const Shape&) { return constants[static_cast<std::size_t>(index)]; });
}

std::pair<ops::ValueTable, Covering> cover_at(ir::Graph& graph, const std::vector<Shape>& shapes,
                                              const backend::Backend& backend, bool fuse, bool fold) {
    auto values = values_at(graph, shapes);
    Covering covering = cover_counted(graph, values, backend, fuse);
    if (fold && fold_dequantised(graph, covering)) {
        graph = canonical(graph);
        values = values_at(graph, shapes);
        covering = cover_counted(graph, values, backend, fuse);
    }
    return {std::move(values), std::move(covering)};
}

}  // namespace fovea::compiler
