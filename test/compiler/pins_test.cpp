#include <gtest/gtest.h>

#include "compiler/build.hpp"
#include "ir/text.hpp"
#include "wrapped_cpu_backend.hpp"

/// Networks of two types: a product and an activation, of which one is pinned to f32, in a network of narrow type.
namespace fovea::compiler {
namespace {

struct Product {
    const char *name, *pattern, *input, *weights, *call, *next_weights, *next_op;
};

constexpr Product kProducts[] = {
    {"convolution", "conv", "[1, 8, 6, 6]", "const %w : f32[16, 8, 3, 3] = random(1)",
     "Conv(%x, %w, %b) {pads = [1, 1, 1, 1]}", "[4, 16, 1, 1]", "Conv"},
    {"depthwise", "conv", "[1, 16, 6, 6]", "const %w : f32[16, 1, 3, 3] = random(1)",
     "Conv(%x, %w, %b) {group = 16, pads = [1, 1, 1, 1]}", "[4, 16, 1, 1]", "Conv"},
    {"three_axes", "conv", "[1, 4, 5, 6, 6]", "const %w : f32[16, 4, 3, 3, 3] = random(1)", "Conv(%x, %w, %b)",
     "[4, 16, 1, 1, 1]", "Conv"},
    {"transposed", "transposed_conv", "[1, 8, 6, 6]", "const %w : f32[8, 16, 2, 2] = random(1)",
     "ConvTranspose(%x, %w, %b) {strides = [2, 2]}", "[4, 16, 1, 1]", "Conv"},
    {"matrices", "matmul", "[2, 9, 24]", "const %w : f32[24, 16] = random(1)", "MatMul(%x, %w)", "[16, 4]", "MatMul"},
    {"computed_matrices", "matmul", "[2, 9, 24]", "input %w : f32[2, 24, 16]", "MatMul(%x, %w)", "[16, 4]", "MatMul"},
    {"matrices_with_bias", "matmul", "[9, 24]", "const %w : f32[24, 16] = random(1)", "Gemm(%x, %w, %b)", "[16, 4]",
     "MatMul"},
};

ir::Graph network(const Product& product) {
    return ir::parse(std::string("graph \"g\" {\ninput %x : f32") + product.input + "\n" + product.weights +
                     "\nconst %b : f32[16] = random(2)\nconst %v : f32" + product.next_weights +
                     " = random(3)\n%p : f32[*] = " + product.call +
                     " name \"product\"\n%a : f32[*] = Relu(%p) name \"activation\"\n%y : f32[*] = " + product.next_op +
                     "(%a, %v) name \"next\"\noutput \"y\" = %y\n}");
}

plan::Plan build_pinned(const Product& product, DType precision, const std::vector<std::string>& pinned) {
    static const runtime::Backends kBackends = {std::make_shared<HalfBackend>()};
    BuildOptions options;
    options.precision = precision;
    for (const std::string& name : pinned) options.pins[name] = DType::f32;
    options.tune = false;
    options.threads = 2;
    return build(network(product), kBackends, options);
}

/// The kernel family that computes the node "product", and the type in which it writes.
std::pair<std::string, DType> kernel_of_product(const plan::Plan& plan) {
    for (const plan::Step& step : plan.targets[0].steps)
        for (const ir::NodeId id : step.region.nodes)
            if (plan.graph.node(id).name == "product")
                return {step.region.pattern, plan.graph.value(step.region.outputs[0]).dtype};
    return {};
}

class Pins : public testing::TestWithParam<Product> {};

TEST_P(Pins, ProductsInF32LeaveNarrowingToWhatFollows) {
    const std::pair<std::string, DType> expected = {GetParam().pattern, DType::f32};
    for (const DType precision : {DType::bf16, DType::f16}) {
        EXPECT_EQ(kernel_of_product(build_pinned(GetParam(), precision, {"product"})), expected);
        EXPECT_EQ(kernel_of_product(build_pinned(GetParam(), precision, {"product", "activation"})), expected);
    }
}

TEST_P(Pins, NarrowProductsWriteF32ForWhatFollows) {
    const std::pair<std::string, DType> expected = {GetParam().pattern, DType::f32};
    EXPECT_EQ(kernel_of_product(build_pinned(GetParam(), DType::bf16, {"activation"})), expected);
    EXPECT_NO_THROW(build_pinned(GetParam(), DType::f16, {"activation"}));
}

std::string name_of(const testing::TestParamInfo<Product>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(All, Pins, testing::ValuesIn(kProducts), name_of);

}  // namespace
}  // namespace fovea::compiler
