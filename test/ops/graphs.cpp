#include "ops/graphs.hpp"

#include "ir/text.hpp"
#include "ops/evaluate.hpp"
#include "ops/infer.hpp"

namespace fovea::test {

Tensor counting(Shape shape, DType type) {
    Tensor tensor(DType::f32, std::move(shape));
    float next = 0;
    for (float& element : tensor.as<float>()) element = next++;
    return tensor.cast(type);
}

std::string inferred(std::string_view text, std::size_t i) {
    const ir::Graph graph = ir::parse(text);
    return ir::to_string(ops::infer(graph)[static_cast<std::size_t>(graph.outputs.at(i).value)].dims);
}

std::vector<Tensor> results(std::string_view text, std::vector<Tensor> inputs) {
    return ops::evaluate(ir::parse(text), std::move(inputs));
}

}  // namespace fovea::test
