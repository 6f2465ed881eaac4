#include <gtest/gtest.h>

#include <algorithm>

#include "backend/cpu/cpu.hpp"
#include "compiler/build.hpp"
#include "compiler/gate.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "ops/evaluate.hpp"
#include "wrapped_cpu_backend.hpp"

/// Plans in f16. Own kernels take f16 on every machine; oneDNN's only where the processor has AVX-512 FP16.
namespace fovea::compiler {
namespace {

const runtime::Backends& halves() {
    static const runtime::Backends kBackends = {std::make_shared<HalfBackend>()};
    return kBackends;
}

BuildOptions in_f16() {
    BuildOptions options;
    options.precision = DType::f16;
    options.tune = false;
    options.threads = 2;
    return options;
}

constexpr const char* kImages = R"(graph "g" {
  input %x : f32[2, 3, 12, 14]
  const %w : f32[20, 3, 3, 3] = random(1)
  const %v : f32[10, 20, 1, 1] = random(2)
  const %b : f32[20] = random(3)
  const %scales : f32[4] = [1, 1, 2, 2]
  %c : f32[*] = Conv(%x, %w, %b) {pads = [1, 1, 1, 1]} name "first"
  %r : f32[*] = Relu(%c)
  %p : f32[*] = MaxPool(%r) {kernel_shape = [2, 2], strides = [2, 2]}
  %u : f32[*] = Resize(%p, _, %scales) {mode = "linear"}
  %k : f32[*] = Concat(%u, %r) {axis = 1}
  %s : f32[*], %t : f32[*] = Split(%k) {axis = 1, num_outputs = 2}
  %e : f32[*] = Add(%s, %t)
  %d : f32[*] = Conv(%e, %v) name "second"
  %y : f32[*] = Sigmoid(%d)
  %a : i64[*] = ArgMax(%y) {axis = 1, keepdims = 0}
  output "y" = %y
  output "a" = %a
})";

constexpr const char* kSequences = R"(graph "g" {
  input %x : f32[2, 9, 24]
  const %w : f32[24, 24] = random(1)
  const %b : f32[24] = random(2)
  const %one : f32[24] = random(3)
  %q : f32[*] = MatMul(%x, %w)
  %m : f32[*] = Attention(%q, %q, %x) {q_num_heads = 3, kv_num_heads = 3}
  %n : f32[*] = Add(%m, %b)
  %s : f32[*] = Add(%n, %q)
  %l : f32[*] = LayerNormalization(%s, %one, %b)
  %g : f32[*] = Gelu(%l)
  %t : f32[*] = Transpose(%g) {perm = [0, 2, 1]}
  %y : f32[*] = Softmax(%t)
  output "y" = %y
})";

TEST(Half, BuildsPlansThatTheGateAccepts) {
    for (const char* text : {kImages, kSequences}) {
        const ir::Graph graph = ir::parse(text);
        const plan::Plan plan = build(graph, halves(), in_f16());
        EXPECT_EQ(plan.precision, "f16");
        int narrow = 0;
        for (ir::ValueId id = 0; id < plan.graph.value_count(); ++id)
            narrow += plan.graph.value(id).dtype == DType::f16;
        EXPECT_GT(narrow, 6);
        for (const plan::Step& step : plan.targets[0].steps)
            if (step.region.pattern == "reference") {
                EXPECT_NE(step.note.find("AVX-512 FP16"), std::string::npos) << step.note;
            }
        EXPECT_LT(plan.targets[0].certificate.outputs[0].max_error, 5e-3);
        EXPECT_GT(plan.targets[0].certificate.outputs[0].max_error, 0);
    }
}

TEST(Half, CastsWhatConvolutionsInF32Compute) {
    BuildOptions pinned = in_f16();
    pinned.pins = {{"first", DType::f32}};
    EXPECT_NO_THROW(build(ir::parse(kImages), halves(), pinned));
}

TEST(Half, NamesTheNodeWhoseResultsAreBeyondTheRange) {
    const ir::Graph graph = ir::parse(R"(graph "g" {
      input %x : f32[1, 8, 4, 4]
      const %w : f32[8, 8, 1, 1] = random(1)
      const %twelve : f32[] = [12]
      %a : f32[*] = Conv(%x, %w) name "first"
      %l : f32[*] = Add(%a, %twelve)
      %b : f32[*] = Exp(%l) name "grows"
      %m : f32[*] = MaxPool(%b) {kernel_shape = [2, 2]} name "pool"
      %y : f32[*] = Conv(%m, %w) name "second"
      output "y" = %y
    })");
    try {
        build(graph, halves(), in_f16());
        FAIL() << "infinite results were accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::numerics);
        const std::string message = error.what();
        EXPECT_NE(message.find("output y"), std::string::npos) << message;
        EXPECT_NE(message.find("inf"), std::string::npos) << message;
        EXPECT_NE(message.find("differs is \"b\""), std::string::npos) << message;
    }
    BuildOptions pinned = in_f16();
    pinned.pins = {{"grows", DType::f32}, {"pool", DType::f32}, {"second", DType::f32}};
    EXPECT_NO_THROW(build(graph, halves(), pinned));
}

TEST(Half, IsRefusedWithTheReasonWhereTheProcessorCannot) {
    const runtime::Backends here = {backend::make_cpu_backend()};
    const auto refusal = here[0]->precision_refusal(DType::f16);
    if (!refusal) {
        EXPECT_NO_THROW(build(ir::parse(kImages), here, in_f16()));
        return;
    }
    EXPECT_EQ(refusal->reason, backend::Reason::unsupported_device);
    try {
        build(ir::parse(kImages), here, in_f16());
        FAIL() << "f16 was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::unsupported);
        EXPECT_NE(std::string(error.what()).find("no AVX-512 FP16 instructions; use fp32 or bf16"), std::string::npos)
            << error.what();
    }
}

}  // namespace
}  // namespace fovea::compiler
