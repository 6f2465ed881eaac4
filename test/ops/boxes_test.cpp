#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>

#include "ops/cases.hpp"
#include "ops/evaluate.hpp"
#include "ops/index.hpp"
#include "ops/infer.hpp"

namespace fovea::test {
namespace {

using ops::Box;

std::string name_of(const testing::TestParamInfo<OperatorCase>& info) { return info.param.name; }

/// The elements of `box` out of a whole tensor.
Tensor crop(const Tensor& tensor, const Box& box) {
    Tensor part(tensor.dtype(), box.size);
    const std::size_t bytes = element_bytes(tensor.dtype());
    const Box whole = Box::whole(tensor.shape());
    std::size_t element = 0;
    ops::for_each_index(box, [&](const Shape& at) {
        std::memcpy(part.raw() + element++ * bytes, tensor.raw() + ops::offset_in(whole, at) * bytes, bytes);
    });
    return part;
}

/// The first and the last element, and random boxes.
std::vector<Box> boxes_in(const Shape& shape) {
    std::vector<Box> boxes(2, {Shape(shape.size(), 0), Shape(shape.size(), 1)});
    for (std::size_t i = 0; i < shape.size(); ++i) boxes[1].start[i] = shape[i] - 1;
    std::mt19937 generator(3);
    for (int n = 0; n < 24; ++n) {
        Box box = Box::whole(shape);
        for (std::size_t i = 0; i < shape.size(); ++i) {
            box.start[i] = static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(shape[i]));
            box.size[i] =
                1 + static_cast<std::int64_t>(generator() % static_cast<std::uint64_t>(shape[i] - box.start[i]));
        }
        boxes.push_back(std::move(box));
    }
    return boxes;
}

ops::ShapeContext shapes_around(const ir::Node& node, const std::vector<Tensor>& inputs, const Tensor& output) {
    ops::ShapeContext shapes(node);
    for (const Tensor& input : inputs) {
        shapes.inputs.push_back(input.shape());
        shapes.input_types.push_back(input.dtype());
        shapes.constants.push_back(input);
    }
    shapes.outputs.push_back(output.shape());
    return shapes;
}

/// What is known of the operands when `hide` changes the sizes of those that are not constant.
template <class Hide>
std::vector<ops::ValueInfo> infer_with(const OperatorCase& one, const std::vector<Tensor>& tensors, const Hide& hide) {
    std::vector<ops::ValueInfo> infos(tensors.size());
    std::vector<const ops::ValueInfo*> pointers(tensors.size(), nullptr);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (!tensors[i]) continue;
        const bool constant = one.graph.constant(one.node().inputs[i]) != nullptr;
        infos[i] = {tensors[i].dtype(), ir::to_dims(tensors[i].shape()), constant ? tensors[i] : Tensor(),
                    std::nullopt};
        if (!constant) hide(infos[i].dims);
        pointers[i] = &infos[i];
    }
    return ops::infer_node(one.node(), pointers, {.fold_elements = -1});
}

/// Whether a shape is one of those that the inferred sizes allow.
bool allows(const std::optional<ir::Dims>& dims, const Shape& shape) {
    if (!dims) return true;
    if (dims->size() != shape.size()) return false;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if ((*dims)[i].known() && (*dims)[i].value != shape[i]) return false;
    return true;
}

class OperatorCases : public testing::TestWithParam<OperatorCase> {};

TEST_P(OperatorCases, BoxesEqualTheWhole) {
    const OperatorCase& one = GetParam();
    const std::vector<Tensor> inputs = operands(one);
    const Tensor whole = ops::evaluate(one.node(), inputs)[0];
    ASSERT_GT(whole.size(), 0);
    if (!ops::has_boxes(one.node())) return;
    const ops::Op& op = *ops::find(one.node().op);
    const ops::ShapeContext shapes = shapes_around(one.node(), inputs, whole);
    for (const Box& box : boxes_in(whole.shape())) {
        std::vector<ops::Window> windows;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            if (!inputs[i]) {
                windows.emplace_back();
                continue;
            }
            const Box need = op.required_input(shapes, static_cast<int>(i), box);
            windows.push_back({crop(inputs[i], need), need, inputs[i].shape()});
        }
        const Tensor part = ops::evaluate_box(one.node(), std::move(windows), whole.dtype(), whole.shape(), box);
        EXPECT_TRUE(part.equals(crop(whole, box)))
            << "box " << base::to_string(box.start) << " of size " << base::to_string(box.size);
    }
}

TEST_P(OperatorCases, InferenceAgreesWithTheResults) {
    const OperatorCase& one = GetParam();
    const std::vector<Tensor> inputs = operands(one), outputs = ops::evaluate(one.node(), inputs);
    const auto exact = infer_with(one, inputs, [](auto&) {});
    const auto ranks = infer_with(one, inputs, [](auto& dims) { dims = ir::Dims(dims->size()); });
    const auto nothing = infer_with(one, inputs, [](auto& dims) { dims.reset(); });
    for (std::size_t i = 0; i < one.node().outputs.size(); ++i) {
        if (one.node().outputs[i] == ir::kNone) continue;
        for (const auto* inferred : {&exact, &ranks, &nothing}) {
            EXPECT_EQ((*inferred)[i].dtype, outputs[i].dtype()) << "output " << i;
            EXPECT_TRUE(allows((*inferred)[i].dims, outputs[i].shape()))
                << ir::to_string((*inferred)[i].dims) << " for " << base::to_string(outputs[i].shape());
        }
    }
}

TEST_P(OperatorCases, CostIsPositive) {
    const OperatorCase& one = GetParam();
    const ops::Op& op = *ops::find(one.node().op);
    if (!op.flops) return;
    const std::vector<Tensor> inputs = operands(one);
    EXPECT_GT(op.flops(shapes_around(one.node(), inputs, ops::evaluate(one.node(), inputs)[0])), 0);
}

TEST(OperatorCaseFiles, ExistForEveryOperatorWithBoxes) {
    std::set<std::string> shown;
    for (const OperatorCase& one : operator_cases(FOVEA_TEST_DATA)) shown.insert(one.node().op);
    for (const ops::Op* op : ops::all())
        EXPECT_TRUE(!op->evaluate_box || shown.contains(std::string(op->name))) << op->name << " has no case";
}

INSTANTIATE_TEST_SUITE_P(Ops, OperatorCases, testing::ValuesIn(operator_cases(FOVEA_TEST_DATA)), name_of);

}  // namespace
}  // namespace fovea::test
