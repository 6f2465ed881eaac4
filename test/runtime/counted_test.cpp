// Results whose size depends on data, on a device that finds them: they have room for the most, and the host gets what
// there is.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "compiler/build.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "ops/counted.hpp"
#include "pretend_device.hpp"

namespace fovea::runtime {
namespace {

struct CountedCase {
    const char* name;
    const char* text;                  ///< of one input %x : f32[6, 4]
    std::vector<const char*> on_host;  ///< operators that need the number, or mix places
};

const CountedCase kCases[] = {
    {"places",
     R"(graph "g" {
      input %x : f32[6, 4]
      %y : undefined[*] = NonZero(%x)
      %z : undefined[*] = Transpose(%y)
      %v : undefined[*] = GatherND(%x, %z)
      %r : undefined[*] = Relu(%v)
      output "y" = %y
      output "z" = %z
      output "r" = %r
    })",
     {}},
    {"rows",
     R"(graph "g" {
      input %x : f32[6, 4]
      const %w : f32[4, 3] = random(1)
      const %first : i64[] = [0]
      const %axis : i64[1] = [1]
      const %flat : i64[2] = [-1, 2]
      const %low : i64[1] = [1]
      const %high : i64[1] = [3]
      %column : undefined[*] = Gather(%x, %first) {axis = 1}
      %b : undefined[*] = Cast(%column) {to = 9}
      %c : undefined[*] = Compress(%x, %b) {axis = 0}
      %p : undefined[*] = MatMul(%c, %w)
      %s : undefined[*] = Softmax(%p) {axis = 1}
      %part : undefined[*] = Slice(%c, %low, %high, %axis)
      %both : undefined[*] = Concat(%s, %part) {axis = 1}
      %l : undefined[*], %r : undefined[*] = Split(%both) {axis = 1, num_outputs = 2}
      %u : undefined[*] = Unsqueeze(%l, %axis)
      %half : undefined[*] = Reshape(%c, %flat)
      output "u" = %u
      output "r" = %r
      output "half" = %half
    })",
     {"Reshape"}},
    {"mixed",
     R"(graph "g" {
      input %x : f32[6, 4]
      const %axis : i64[1] = [0]
      const %from : i64[1] = [0]
      const %to : i64[1] = [-1]
      %b : undefined[*] = Cast(%x) {to = 9}
      %y : undefined[*] = NonZero(%b)
      %t : undefined[*] = Transpose(%y)
      %f : undefined[*] = Cast(%t) {to = 1}
      %all : undefined[*] = ReduceSum(%f, %axis) {keepdims = 0}
      %twice : undefined[*] = Add(%all, %all)
      %size : undefined[*] = Shape(%y)
      %short : undefined[*] = Slice(%f, %from, %to, %axis)
      %over : undefined[*] = Softmax(%f) {axis = 0}
      %after : undefined[*] = Relu(%over)
      output "twice" = %twice
      output "size" = %size
      output "short" = %short
      output "after" = %after
    })",
     {"ReduceSum", "Add", "Shape", "Slice", "Softmax", "Relu"}},
    {"boxes",
     R"(graph "g" {
      input %x : f32[6, 4]
      const %one : i64[] = [1]
      const %ones : i64[1] = [1]
      const %zeros : i64[1] = [0]
      const %limit : i64[] = [2]
      const %overlap : f32[] = [0.5]
      %score : undefined[*] = Gather(%x, %one) {axis = 1}
      %flag : undefined[*] = Cast(%score) {to = 9}
      %there : undefined[*] = NonZero(%flag)
      %rows : undefined[*] = Squeeze(%there, %zeros)
      %b : undefined[*] = Gather(%x, %rows)
      %s : undefined[*] = Gather(%score, %rows)
      %boxes : undefined[*] = Unsqueeze(%b, %zeros)
      %line : undefined[*] = Unsqueeze(%s, %zeros)
      %scores : undefined[*] = Unsqueeze(%line, %zeros)
      %y : undefined[*] = NonMaxSuppression(%boxes, %scores, %limit, %overlap)
      output "b" = %b
      output "y" = %y
    })",
     {}},
};

Backends device() { return {std::make_shared<const PretendBackend>(), backend::make_reference_backend()}; }

Tensor image(std::uint32_t seed, int zeros) {
    Tensor image(DType::f32, {6, 4});
    std::minstd_rand random(seed);
    for (float& x : image.as<float>())
        x = static_cast<int>(random() % 10) < zeros ? 0.0F : static_cast<float>(random() % 100) / 10 - 5;
    return image;
}

class CountedResults : public testing::TestWithParam<CountedCase> {};

TEST_P(CountedResults, EqualTheReference) {
    const ir::Graph graph = ir::parse(GetParam().text);
    compiler::BuildOptions options;
    options.tune = false;
    options.gate = compiler::GateMode::full;
    const auto engine = std::make_shared<const Engine>(compiler::build(graph, device(), options), device());
    Context context(engine), queued(engine);
    for (const int zeros : {5, 0, 10, 2}) {
        const Tensor x = image(static_cast<std::uint32_t>(zeros), zeros);
        const auto expected = ops::evaluate(graph, {x});
        for (Context* one : {&context, &queued}) {
            one->bind_input(0, DType::f32, x.shape(), x.raw());
            one == &context ? one->run() : one->enqueue(one);
            for (std::size_t i = 0; i < expected.size(); ++i) {
                EXPECT_EQ(one->output(i).shape(), expected[i].shape()) << "output " << i;
                EXPECT_TRUE(one->output(i).equals(expected[i])) << "output " << i;
                EXPECT_TRUE(one->take_output(i).equals(expected[i])) << "output " << i;
            }
        }
    }
    std::vector<std::string> on_host;
    for (const Launch& launch : context.program().launches)
        if (!launch.kernel) on_host.push_back(engine->plan().graph.node(launch.step->region.nodes.at(0)).op);
    std::vector<std::string> wanted(GetParam().on_host.begin(), GetParam().on_host.end());
    std::sort(on_host.begin(), on_host.end());
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(on_host, wanted);
}

INSTANTIATE_TEST_SUITE_P(Runtime, CountedResults, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(CountedResults, CannotBeBound) {
    compiler::BuildOptions options;
    options.tune = false;
    const auto engine =
        std::make_shared<const Engine>(compiler::build(ir::parse(kCases[0].text), device(), options), device());
    Context context(engine);
    const Tensor x = image(1, 5);
    std::vector<std::int64_t> y(2 * 24);
    context.bind_input(0, DType::f32, x.shape(), x.raw());
    context.bind_output(0, DType::i64, Shape{2, 24}, y.data());
    EXPECT_THROW(context.run(), Error);
}

TEST(CountedResults, NodesThatRanOnTheHostStillDo) {
    compiler::BuildOptions options;
    options.tune = false;
    const ir::Graph graph = ir::parse(kCases[0].text);
    plan::Plan plan = compiler::build(graph, device(), options);
    for (plan::Step& step : plan.targets.at(0).steps) step.region.pattern = "reference";
    Context context(std::make_shared<const Engine>(std::move(plan), device()));
    const Tensor x = image(1, 5);
    context.bind_input(0, DType::f32, x.shape(), x.raw());
    context.run();
    EXPECT_EQ(context.program().counts, 0U);
    EXPECT_TRUE(context.output(2).equals(ops::evaluate(graph, {x})[2]));
}

}  // namespace
}  // namespace fovea::runtime
