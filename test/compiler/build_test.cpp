#include "compiler/build.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <ctime>

#include "backend/cpu/cpu.hpp"
#include "compiler/comparison.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "ops/evaluate.hpp"
#include "ops/onnx_type.hpp"

namespace fovea::compiler {
namespace {

const runtime::Backends& backends() {
    static const runtime::Backends kBackends = {backend::make_cpu_backend()};
    return kBackends;
}

struct Case {
    const char* name;
    const char* text;
    int kernels = 0;  ///< that `pattern` must give
    const char* pattern = "";
};

const Case kCases[] = {
    {"conv_relu_residual", R"(graph "g" {
      input %x : f32[2, 16, 13, 17]
      const %w : f32[16, 16, 3, 3] = random(1)
      const %b : f32[16] = random(2)
      %a : f32[*] = Conv(%x, %w, %b) {pads = [1, 1, 1, 1]}
      %r : f32[*] = Relu(%a)
      %c : f32[*] = Conv(%r, %w) {pads = [1, 1, 1, 1]}
      %s : f32[*] = Add(%c, %x)
      %y : f32[*] = Relu(%s)
      output "y" = %y
    })"},
    {"reflected_upsampled_concatenated", R"(graph "g" {
      input %x : f32[2, 9, 6, 7]
      input %skip : f32[2, 5, 12, 14]
      const %w : f32[20, 14, 3, 3] = random(1)
      const %b : f32[20] = random(2)
      const %scales : f32[4] = [1, 1, 2, 2]
      const %pads : i64[8] = [0, 0, 1, 1, 0, 0, 1, 1]
      %u : f32[*] = Resize(%x, _, %scales) {mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"}
      %k : f32[*] = Concat(%u, %skip) {axis = 1}
      %p : f32[*] = Pad(%k, %pads) {mode = "reflect"}
      %c : f32[*] = Conv(%p, %w, %b)
      %y : f32[*] = Elu(%c)
      output "y" = %y
    })"},
    {"grouped_strided_dilated", R"(graph "g" {
      input %x : f32[1, 8, 19, 23]
      const %w : f32[12, 2, 3, 3] = random(1)
      %y : f32[*] = Conv(%x, %w) {group = 4, strides = [2, 2], dilations = [2, 1], pads = [2, 1, 2, 1]}
      output "y" = %y
    })"},
    {"transposed_convolutions", R"(graph "g" {
      input %x : f32[2, 6, 7, 5]
      const %w : f32[6, 8, 2, 3] = random(1)
      const %v : f32[16, 6, 4, 3] = random(2)
      const %u : f32[6, 4, 2, 2] = random(3)
      const %b : f32[16] = random(4)
      const %c : f32[4] = random(5)
      %t : f32[*] = ConvTranspose(%x, %w, %b) {group = 2, strides = [2, 3], pads = [0, 1, 1, 0], output_padding = [1, 2]}
      %r : f32[*] = Relu(%t)
      %d : f32[*] = ConvTranspose(%r, %v) {group = 2, dilations = [2, 1], pads = [2, 1, 3, 0]}
      %e : f32[*] = ConvTranspose(%x, %u, %c) {strides = [2, 2], pads = [1, 0, 0, 1]}
      %y : f32[*] = Sigmoid(%e)
      output "d" = %d
      output "y" = %y
    })",
     3, "transposed_conv"},
    {"pool_concat_resize", R"(graph "g" {
      input %x : f32[1, 5, 8, 12]
      const %w : f32[6, 5, 1, 1] = random(1)
      const %scales : f32[4] = [1, 1, 2, 2]
      %p : f32[*] = MaxPool(%x) {kernel_shape = [2, 2], strides = [2, 2]}
      %c : f32[*] = Conv(%p, %w)
      %u : f32[*] = Resize(%c, _, %scales) {mode = "linear"}
      %n : f32[*] = Resize(%p, _, %scales) {mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"}
      %k : f32[*] = Concat(%u, %n, %x) {axis = 1}
      %g : f32[*] = GlobalAveragePool(%k)
      output "k" = %k
      output "g" = %g
    })"},
    {"matmul_chain", R"(graph "g" {
      input %x : f32[2, 7, 24]
      const %w : f32[24, 40] = random(1)
      const %b : f32[40] = random(2)
      const %scale : f32[40] = random(3)
      const %shift : f32[40] = random(4)
      %m : f32[*] = MatMul(%x, %w)
      %a : f32[*] = Add(%m, %b)
      %r : f32[*] = Relu(%a)
      %l : f32[*] = LayerNormalization(%r, %scale, %shift) {axis = -1}
      %t : f32[*] = Transpose(%l) {perm = [0, 2, 1]}
      %s : f32[*] = Softmax(%t) {axis = 1}
      output "s" = %s
    })"},
    {"batch_norm_before_relu", R"(graph "g" {
      input %x : f32[2, 12, 5, 7]
      const %w : f32[12, 12, 1, 1] = random(1)
      const %gamma : f32[12] = random(2)
      const %beta : f32[12] = random(3)
      const %mean : f32[12] = random(4)
      const %variance : f32[12] = fill(0.7)
      %m : f32[*] = MaxPool(%x) {kernel_shape = [1, 1]}
      %n : f32[*] = BatchNormalization(%m, %gamma, %beta, %mean, %variance)
      %r : f32[*] = Relu(%n)
      %c : f32[*] = Conv(%r, %w)
      %s : f32[*] = Add(%c, %m)
      %o : f32[*] = BatchNormalization(%s, %gamma, %beta, %mean, %variance)
      %y : f32[*] = Relu(%o)
      output "y" = %y
    })"},
    {"first_and_last_convolution", R"(graph "g" {
      input %x : f32[2, 3, 21, 23]
      const %a : f32[20, 3, 7, 7] = random(1)
      const %b : f32[1, 20, 3, 3] = random(2)
      const %bias : f32[1] = [0.5]
      const %pads : i64[8] = [0, 0, 1, 1, 0, 0, 1, 1]
      %f : f32[*] = Conv(%x, %a) {strides = [2, 2], pads = [3, 3, 3, 3]}
      %r : f32[*] = Relu(%f)
      %p : f32[*] = Pad(%r, %pads) {mode = "reflect"}
      %l : f32[*] = Conv(%p, %b, %bias)
      %y : f32[*] = Sigmoid(%l)
      output "y" = %y
    })"},
    {"depthwise_and_pools", R"(graph "g" {
      input %x : f32[2, 20, 17, 13]
      const %w : f32[20, 1, 3, 3] = random(1)
      %d : f32[*] = Conv(%x, %w) {group = 20, strides = [2, 1], pads = [1, 1, 1, 1]}
      %r : f32[*] = Clip(%d)
      %a : f32[*] = AveragePool(%r) {kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1], ceil_mode = 1}
      %p : f32[*] = AveragePool(%r) {kernel_shape = [3, 2], pads = [1, 0, 1, 1], count_include_pad = 1}
      %m : f32[*] = MaxPool(%r) {kernel_shape = [3, 3], strides = [2, 2], dilations = [1, 2]}
      %g : f32[*] = GlobalAveragePool(%a)
      output "p" = %p
      output "m" = %m
      output "g" = %g
    })"},
    {"pointwise_chain_with_broadcasts", R"(graph "g" {
      input %x : f32[2, 6, 5, 7]
      input %row : f32[5, 1]
      input %scalar : f32[]
      const %channel : f32[6, 1, 1] = random(1)
      const %w : f32[6, 6, 1, 1] = random(2)
      %c : f32[*] = Conv(%x, %w)
      %m : f32[*] = MaxPool(%c) {kernel_shape = [1, 1]}
      %a : f32[*] = Sub(%channel, %m)
      %b : f32[*] = Mul(%a, %row)
      %d : f32[*] = Div(%b, %scalar)
      %e : f32[*] = Max(%d, %m)
      %f : f32[*] = Erf(%e)
      %y : f32[*] = Neg(%f)
      output "y" = %y
    })"},
    {"resized_sum", R"(graph "g" {
      input %x : f32[2, 19, 5, 7]
      input %r : f32[2, 19, 13, 16]
      const %sizes : i64[4] = [2, 19, 13, 16]
      %u : f32[*] = Resize(%x, _, _, %sizes) {mode = "linear", coordinate_transformation_mode = "align_corners"}
      %s : f32[*] = Add(%u, %r)
      %a : f32[*] = Relu(%s)
      %v : f32[*] = Resize(%x, _, _, %sizes) {mode = "linear"}
      output "a" = %a
      output "v" = %v
    })"},
    {"split_and_slice", R"(graph "g" {
      input %x : f32[2, 12, 5, 7]
      const %w : f32[12, 12, 1, 1] = random(1)
      const %parts : i64[2] = [4, 8]
      const %starts : i64[2] = [1, -4]
      const %ends : i64[2] = [9, 1000]
      const %axes : i64[2] = [1, 3]
      %c : f32[*] = Conv(%x, %w)
      %a : f32[*], %b : f32[*] = Split(%c, %parts) {axis = 1}
      %s : f32[*] = Slice(%c, %starts, %ends, %axes)
      output "a" = %a
      output "b" = %b
      output "s" = %s
    })"},
    {"attention_by_heads", R"(graph "g" {
      input %q : f32[2, 37, 24]
      input %k : f32[2, 21, 24]
      input %v : f32[2, 21, 24]
      %y : f32[*] = Attention(%q, %k, %v) {q_num_heads = 3, kv_num_heads = 3}
      output "y" = %y
    })"},
    {"attention_of_four_axes", R"(graph "g" {
      input %q : f32[2, 3, 300, 8]
      input %k : f32[2, 3, 900, 8]
      input %v : f32[2, 3, 900, 8]
      %y : f32[*] = Attention(%q, %k, %v) {scale = 0.5f}
      output "y" = %y
    })"},
    {"convolution_behind_bilinear", R"(graph "g" {
      input %x : f32[2, 12, 9, 11]
      const %w : f32[12, 12, 1, 1] = random(1)
      const %v : f32[1, 12, 3, 3] = random(2)
      const %b : f32[1] = random(3)
      const %scales : f32[4] = [1, 1, 4, 2]
      %c : f32[*] = Conv(%x, %w)
      %r : f32[*] = Resize(%c, _, %scales) {mode = "linear"}
      %d : f32[*] = Conv(%r, %v, %b) {pads = [1, 1, 0, 1]}
      %s : f32[*] = Sigmoid(%d)
      %y : f32[*] = Tanh(%s)
      output "y" = %y
    })"},
    {"tokens_and_back", R"(graph "g" {
      input %x : f32[1, 16, 6, 10]
      const %w : f32[16, 16, 1, 1] = random(1)
      const %flat : i64[3] = [1, 16, 60]
      const %back : i64[4] = [1, 16, 6, 10]
      %c : f32[*] = Conv(%x, %w)
      %f : f32[*] = Reshape(%c, %flat)
      %t : f32[*] = Transpose(%f) {perm = [0, 2, 1]}
      %r : f32[*] = Relu(%t)
      %u : f32[*] = Transpose(%r) {perm = [0, 2, 1]}
      %v : f32[*] = Reshape(%u, %back)
      %y : f32[*] = Conv(%v, %w)
      output "y" = %y
    })"},
};

class BuildCase : public testing::TestWithParam<Case> {};

TEST_P(BuildCase, PlanEqualsReference) {
    ir::Graph graph = ir::parse(GetParam().text);
    ops::annotate(graph);
    BuildOptions options;
    options.gate = GateMode::full;
    options.threads = 2;
    const plan::Plan built = build(graph, backends(), options);
    const auto bytes = plan::serialize(built);
    const plan::Plan loaded = plan::deserialize(bytes, nullptr);
    EXPECT_EQ(plan::serialize(loaded), bytes);
    const auto& steps = built.targets[0].steps;
    EXPECT_GE(std::count_if(steps.begin(), steps.end(),
                            [](const plan::Step& step) { return step.region.pattern == GetParam().pattern; }),
              GetParam().kernels);

    std::vector<Shape> shapes;
    for (const ir::ValueId id : graph.inputs) shapes.push_back(*ir::known_shape(graph.value(id).dims));
    const auto inputs = random_inputs(graph, shapes, 7);
    const auto expected = ops::evaluate(graph, inputs);
    runtime::Context context(std::make_shared<const runtime::Engine>(loaded, backends()));
    for (std::size_t i = 0; i < inputs.size(); ++i)
        context.bind_input(i, inputs[i].dtype(), inputs[i].shape(), inputs[i].raw());
    for (int run = 0; run < 2; ++run) {
        context.run();
        for (std::size_t i = 0; i < expected.size(); ++i)
            EXPECT_LT(compare(context.output(i), expected[i]).max_error, 1e-5) << built.graph.outputs[i].name;
    }
    EXPECT_LE(context.program().arena_bytes, context.program().demand_bytes * 1.15 + 4096);
}

INSTANTIATE_TEST_SUITE_P(Graphs, BuildCase, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(Build, ServesEveryShapeOfTheProfile) {
    ir::Graph graph = ir::parse(R"(graph "g" {
      input %x : f32[n, 3, h, w]
      const %w : f32[8, 3, 3, 3] = random(1)
      %c : f32[*] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      %y : f32[*] = MaxPool(%c) {kernel_shape = [2, 2], strides = [2, 2]}
      output "y" = %y
    })");
    BuildOptions options;
    options.profile["x"] = {{1, 3, 8, 8}, {1, 3, 16, 16}, {4, 3, 32, 40}};
    const auto engine = std::make_shared<const runtime::Engine>(build(graph, backends(), options), backends());
    runtime::Context context(engine);
    for (const Shape& shape : {Shape{1, 3, 8, 8}, Shape{3, 3, 11, 40}, Shape{4, 3, 32, 9}}) {
        const auto x = random_inputs(graph, {shape}, 3);
        context.bind_input(0, DType::f32, shape, x[0].raw());
        context.run();
        EXPECT_LT(compare(context.output(0), ops::evaluate(graph, x)[0]).max_error, 1e-5);
    }
    const Tensor outside(DType::f32, {5, 3, 8, 8});
    context.bind_input(0, DType::f32, outside.shape(), outside.raw());
    try {
        context.run();
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::out_of_range);
        EXPECT_NE(std::string(error.what()).find("input x"), std::string::npos);
    }
}

TEST(Build, TunesForABatchAndServesSmallerOnes) {
    ir::Graph graph = ir::parse(R"(graph "g" {
      input %x : f32[n, 16, 12, 14]
      const %w : f32[16, 16, 3, 3] = random(1)
      const %m : f32[16, 24] = random(2)
      const %shape : i64[3] = [0, 16, -1]
      %c : f32[*] = Conv(%x, %w) {pads = [1, 1, 1, 1]}
      %s : f32[*] = Add(%c, %x)
      %h : f32[*] = Reshape(%s, %shape)
      %t : f32[*] = Transpose(%h) {perm = [0, 2, 1]}
      %k : f32[*] = Attention(%t, %t, %t) {q_num_heads = 2, kv_num_heads = 2}
      %y : f32[*] = MatMul(%k, %m)
      output "y" = %y
    })");
    BuildOptions options;
    options.profile["x"] = {{1, 16, 12, 14}, {4, 16, 12, 14}, {6, 16, 12, 14}};
    const plan::Plan plan = build(graph, backends(), options);
    EXPECT_FALSE(plan.targets[0].certificate.kernels.empty());
    runtime::Context context(std::make_shared<const runtime::Engine>(plan, backends()));
    for (const std::int64_t batch : {4, 1, 2, 6, 3}) {
        const auto x = random_inputs(graph, {{batch, 16, 12, 14}}, 3);
        context.bind_input(0, DType::f32, x[0].shape(), x[0].raw());
        context.run();
        EXPECT_LT(compare(context.output(0), ops::evaluate(graph, x)[0]).max_error, 1e-5) << "batch " << batch;
    }
}

TEST(Build, CastsWholeNumbersAsTheReferenceDoes) {
    constexpr DType kWhole[] = {DType::boolean, DType::i8,  DType::u8,  DType::i16, DType::u16,
                                DType::i32,     DType::u32, DType::i64, DType::u64};
    std::vector<DType> targets(std::begin(kWhole), std::end(kWhole));
    targets.push_back(DType::f32);
    const auto numbers =
        Tensor::from<std::int64_t>({3, 3}, {0, 1, -1, 127, -128, 300, 70'000, 1LL << 31, -(1LL << 40)});
    BuildOptions options;
    options.gate = GateMode::off;
    for (const DType from : kWhole)
        for (const DType to : targets) {
            if (from == to) continue;
            const std::string types = std::string(to_string(from)) + " to " + std::string(to_string(to));
            ir::Graph graph =
                ir::parse("graph \"g\" { input %x : " + std::string(to_string(from)) +
                          "[3, 3]\n %y : undefined[*] = Cast(%x) {to = " + std::to_string(ops::onnx_number(to)) +
                          "}\n output \"y\" = %y }");
            ops::annotate(graph);
            const plan::Plan plan = build(graph, backends(), options);
            EXPECT_EQ(plan.targets[0].steps[0].region.pattern, "cast") << types;
            runtime::Context context(std::make_shared<const runtime::Engine>(plan, backends()));
            const Tensor x = numbers.cast(from), expected = x.cast(to);
            context.bind_input(0, from, x.shape(), x.raw());
            context.run();
            EXPECT_EQ(std::memcmp(context.output(0).raw(), expected.raw(), expected.bytes()), 0) << types;
        }
}

TEST(Gate, AcceptsResultsNearTheSmallestNumbers) {
    const ir::Graph graph = ir::parse(R"(graph "g" {
  input %x : f32[1, 8, 9, 9]
  const %w : f32[8, 8, 3, 3] = random(1)
  const %s : f32[] = [1e-21]
  %a : f32[*] = Conv(%x, %w)
  %b : f32[*] = Mul(%a, %s)
  %c : f32[*] = Conv(%b, %w)
  %y : f32[*] = Mul(%c, %s)
  output "y" = %y
})");
    EXPECT_NO_THROW(build(graph, backends(), {.tune = false}));
}

/// No import gives such graphs: ONNX wants one type for data and weights. Some kernels take the first, which
/// the gate cannot evaluate; none can be prepared for the second.
TEST(Build, NamesTheNodeThatFails) {
    const auto refusal = [](const std::string& sizes) {
        const ir::Graph graph = ir::parse("graph \"g\" {\n  input %x : f32[1, 8" + sizes + "]\n  const %w : f64[8, 8" +
                                          sizes + "] = random(1)\n  %r : f32[*] = Relu(%x)\n" +
                                          "  %y : f32[*] = Conv(%r, %w) name \"stem\"\n  output \"y\" = %y\n}");
        try {
            build(graph, backends(), {.tune = false});
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_TRUE(refusal(", 3, 3").starts_with("node stem (Conv) › ")) << refusal(", 3, 3");
    EXPECT_EQ(refusal(", 3"), "node stem (Conv) › oneDNN has no element type f64");
}

TEST(LongNetwork, IsBuiltInProportionateTime) {
    std::string text = "graph \"g\" {\n  input %x0 : f32[1, 4, 2, 2]\n";
    constexpr int kPairs = 10'000;
    const auto n = [](int number) { return std::to_string(number); };
    for (int i = 0; i < kPairs; ++i)
        text += "  %a" + n(i) + " : f32[*], %b" + n(i) + " : f32[*] = Split(%x" + n(i) +
                ") {axis = 1, num_outputs = 2}\n  %x" + n(i + 1) + " : f32[*] = Concat(%b" + n(i) + ", %a" + n(i) +
                ") {axis = 1}\n";
    text += "  output \"y\" = %x" + std::to_string(kPairs) + "\n}";
    BuildOptions options;
    options.gate = GateMode::off;
    options.tune = false;
    const std::clock_t start = std::clock();
    build(ir::parse(text), backends(), options);
    EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 2);
}

}  // namespace
}  // namespace fovea::compiler
