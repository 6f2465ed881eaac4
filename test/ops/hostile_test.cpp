#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "base/limits.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "ops/cases.hpp"
#include "ops/evaluate.hpp"
#include "ops/infer.hpp"

namespace fovea::test {
namespace {

using Random = std::mt19937;

std::int64_t hostile_integer(Random& random) {
    constexpr std::int64_t kValues[] = {0,
                                        -1,
                                        1,
                                        2,
                                        3,
                                        -2,
                                        7,
                                        100,
                                        1LL << 16,
                                        1LL << 31,
                                        1LL << 32,
                                        1LL << 40,
                                        1LL << 62,
                                        std::numeric_limits<std::int64_t>::max(),
                                        std::numeric_limits<std::int64_t>::min()};
    return kValues[random() % std::size(kValues)];
}

float hostile_number(Random& random) {
    constexpr float kValues[] = {
        0, -1, 1e-30f, 1e30f, 0.5f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()};
    return kValues[random() % std::size(kValues)];
}

struct Mutation {
    Random& random;

    void operator()(std::int64_t& value) const { value = hostile_integer(random); }
    void operator()(float& value) const { value = hostile_number(random); }
    void operator()(std::vector<std::int64_t>& values) const {
        if (random() % 4 == 0) values.resize(random() % 6, 1);
        if (!values.empty()) values[random() % values.size()] = hostile_integer(random);
    }
    void operator()(std::vector<float>& values) const {
        if (!values.empty()) values[random() % values.size()] = hostile_number(random);
    }
    void operator()(std::string& text) const {
        if (!text.empty()) text[random() % text.size()] = static_cast<char>(random() % 128);
    }
    void operator()(Tensor&) const {}
    void operator()(std::vector<std::string>&) const {}
    void operator()(std::shared_ptr<const ir::Graph>&) const {}
};

/// Another shape or, for small integer tensors, another content.
void mutate(Tensor& tensor, Random& random) {
    if (!tensor) return;
    if (tensor.dtype() == DType::i64 && tensor.size() > 0 && random() % 2) {
        tensor = tensor.clone();
        tensor.as<std::int64_t>()[random() % static_cast<std::uint64_t>(tensor.size())] = hostile_integer(random);
        return;
    }
    Shape shape = tensor.shape();
    if (random() % 3 == 0) shape.resize(random() % 6, 1);
    if (!shape.empty()) shape[random() % shape.size()] = static_cast<std::int64_t>(random() % 6);
    tensor = Tensor::zeros(tensor.dtype(), shape);
}

bool small(const std::vector<ops::ValueInfo>& outputs) {
    for (const ops::ValueInfo& output : outputs) {
        const auto shape = ir::known_shape(output.dims);
        if (!shape || base::element_count(*shape) > 2000) return false;
    }
    return true;
}

/// Infers and, where the outputs are small, evaluates. Anything but a result or an Error is a failure of the test.
void run(const ir::Node& node, const std::vector<Tensor>& tensors) {
    std::vector<ops::ValueInfo> infos(tensors.size());
    std::vector<const ops::ValueInfo*> pointers(tensors.size(), nullptr);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        if (!tensors[i]) continue;
        infos[i] = {tensors[i].dtype(), ir::to_dims(tensors[i].shape()), tensors[i], std::nullopt};
        pointers[i] = &infos[i];
    }
    if (small(ops::infer_node(node, pointers, {.fold_elements = -1}))) ops::evaluate(node, tensors);
}

class HostileCases : public testing::TestWithParam<OperatorCase> {};

TEST_P(HostileCases, AreRefusedOrComputed) {
    Random random(11);
    for (int round = 0; round < 150; ++round) {
        ir::Node node = GetParam().node();
        std::vector<Tensor> tensors = operands(GetParam());
        if (!node.attributes.empty() && random() % 4 != 0) {
            auto attribute = node.attributes.begin();
            std::advance(attribute, random() % node.attributes.size());
            std::visit(Mutation{random}, attribute->second);
        } else if (!tensors.empty()) {
            mutate(tensors[random() % tensors.size()], random);
        }
        try {
            run(node, tensors);
        } catch (const Error& error) {
            EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
            EXPECT_FALSE(error.context().empty()) << error.what();
        }
    }
}

/// The message of the refusal; empty where the node is accepted.
std::string refusal(const ir::Node& node, const std::vector<Tensor>& tensors) {
    try {
        run(node, tensors);
    } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
        return error.what();
    }
    return "";
}

TEST_P(HostileCases, NeedTheirRequiredInputs) {
    const ops::Op& op = *ops::find(GetParam().node().op);
    for (std::size_t i = 0; i < GetParam().node().inputs.size(); ++i) {
        ir::Node node = GetParam().node();
        std::vector<Tensor> tensors = operands(GetParam());
        node.inputs[i] = ir::kNone;
        tensors[i] = Tensor();
        const std::string message = refusal(node, tensors);
        if (!ops::requires_input(op, i)) continue;
        EXPECT_NE(message.find("node "), std::string::npos) << message;
        EXPECT_NE(message.find("input " + std::to_string(i) + " is required"), std::string::npos) << message;
    }
}

TEST_P(HostileCases, NeedAllowedNumbersOfInputsAndOutputs) {
    const ops::Op& op = *ops::find(GetParam().node().op);
    const auto expect_refused = [&](std::size_t inputs, std::size_t outputs, const char* reason) {
        ir::Node node = GetParam().node();
        std::vector<Tensor> tensors = operands(GetParam());
        node.inputs.resize(inputs, tensors.empty() ? 0 : node.inputs[0]);
        node.outputs.resize(outputs, node.outputs[0]);
        tensors.resize(inputs, tensors.empty() ? Tensor::scalar<std::int64_t>(1) : tensors[0]);
        const std::string message = refusal(node, tensors);
        EXPECT_NE(message.find(reason), std::string::npos) << message;
    };
    const auto size = [](int count) { return static_cast<std::size_t>(count); };
    const std::size_t inputs = GetParam().node().inputs.size(), outputs = GetParam().node().outputs.size();
    if (op.inputs.min > op.omittable_inputs) expect_refused(size(op.inputs.min - 1), outputs, "is required");
    if (op.inputs.max != ops::Arity::kAny) expect_refused(size(op.inputs.max) + 1, outputs, " inputs, found");
    if (op.outputs.min > 1) expect_refused(inputs, size(op.outputs.min - 1), " outputs, found");
    if (op.outputs.max != ops::Arity::kAny) expect_refused(inputs, size(op.outputs.max) + 1, " outputs, found");
}

TEST(Inference, LeavesALongSumOfSmallConstantsAlone) {
    ir::Graph graph = ir::parse(R"(graph "g" {
  const %x : f32[4096] = fill(1)
  %y : undefined[*] = Einsum(%x, %x, %x, %x) {equation = "i,j,k,l->"}
  output "y" = %y
})");
    const ops::ValueInfo info = ops::infer(graph)[static_cast<std::size_t>(graph.outputs[0].value)];
    EXPECT_FALSE(info.constant);
    EXPECT_EQ(ir::to_string(info.dims), "[]");
}

INSTANTIATE_TEST_SUITE_P(Ops, HostileCases, testing::ValuesIn(operator_cases(FOVEA_TEST_DATA)),
                         [](const testing::TestParamInfo<OperatorCase>& info) { return info.param.name; });

}  // namespace
}  // namespace fovea::test
