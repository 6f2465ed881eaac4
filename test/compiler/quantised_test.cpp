#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "backend/cpu/cpu.hpp"
#include "compiler/build.hpp"
#include "ir/text.hpp"
#include "ops/evaluate.hpp"

/// Networks between QuantizeLinear and DequantizeLinear: they run on 8-bit kernels, within one step of the reference.
namespace fovea::compiler {
namespace {

const runtime::Backends& backends() {
    static const runtime::Backends kBackends = {backend::make_cpu_backend()};
    return kBackends;
}

struct Case {
    const char* name;
    const char* kernels;  ///< patterns that must run
    double step;          ///< of the outputs
    const char* text;
};

const Case kCases[] = {
    {"convolution_per_channel", "quantise quantised_conv", 1, R"(graph "g" {
      input %x : f32[2, 16, 13, 17]
      const %sx : f32[] = [0.004]
      const %zx : u8[] = [3]
      const %sw : f32[20] = random(4)
      const %w : f32[20, 16, 3, 3] = random(1)
      const %bq : i32[20] = fill(77)
      const %sb : f32[20] = fill(0.00125)
      const %unit : f32[] = [0.01]
      const %zero : i8[] = [0]
      const %sy : f32[] = [0.05]
      const %zy : u8[] = [120]
      %wq : i8[*] = QuantizeLinear(%w, %unit, %zero)
      %ws : f32[*] = Abs(%sw)
      %xq : u8[*] = QuantizeLinear(%x, %sx, %zx)
      %xd : f32[*] = DequantizeLinear(%xq, %sx, %zx)
      %wd : f32[*] = DequantizeLinear(%wq, %ws) {axis = 0}
      %bd : f32[*] = DequantizeLinear(%bq, %sb) {axis = 0}
      %c : f32[*] = Conv(%xd, %wd, %bd) {pads = [1, 1, 1, 1], strides = [2, 2]}
      %r : f32[*] = Relu(%c)
      %y : u8[*] = QuantizeLinear(%r, %sy, %zy)
      output "y" = %y
    })"},
    {"signed_residual_block", "quantised_conv quantised_conv", 0.02, R"(graph "g" {
      input %x : i8[1, 32, 9, 7]
      const %s : f32[] = [0.02]
      const %z : i8[] = [-5]
      const %w : f32[32, 32, 1, 1] = random(1)
      const %b : f32[32] = random(2)
      const %unit : f32[] = [0.01]
      const %zero : i8[] = [0]
      %wq : i8[*] = QuantizeLinear(%w, %unit, %zero)
      %xd : f32[*] = DequantizeLinear(%x, %s, %z)
      %wd : f32[*] = DequantizeLinear(%wq, %unit, %zero)
      %c : f32[*] = Conv(%xd, %wd, %b)
      %r : f32[*] = Relu(%c)
      %q : i8[*] = QuantizeLinear(%r, %s, %z)
      %qd : f32[*] = DequantizeLinear(%q, %s, %z)
      %c2 : f32[*] = Conv(%qd, %wd)
      %sum : f32[*] = Add(%c2, %xd)
      %y : f32[*] = Relu(%sum)
      %yq : i8[*] = QuantizeLinear(%y, %s, %z)
      %yd : f32[*] = DequantizeLinear(%yq, %s, %z)
      output "y" = %yd
    })"},
    {"convolution_to_f32", "quantised_conv", 2e-4, R"(graph "g" {
      input %x : u8[1, 8, 6, 6]
      const %s : f32[] = [0.02]
      const %z : u8[] = [128]
      const %w : f32[16, 8, 3, 3] = random(1)
      const %unit : f32[] = [0.01]
      const %zero : i8[] = [0]
      %wq : i8[*] = QuantizeLinear(%w, %unit, %zero)
      %xd : f32[*] = DequantizeLinear(%x, %s, %z)
      %wd : f32[*] = DequantizeLinear(%wq, %unit, %zero)
      %y : f32[*] = Conv(%xd, %wd)
      output "y" = %y
    })"},
    {"add_pool_concat", "quantised_add pool quantised_pool quantised_table concat", 1, R"(graph "g" {
      input %a : u8[2, 19, 8, 12]
      input %b : i8[2, 19, 8, 12]
      const %sa : f32[] = [0.02]
      const %za : u8[] = [100]
      const %sb : f32[] = [0.03]
      const %zb : i8[] = [-3]
      const %sy : f32[] = [0.025]
      const %zy : u8[] = [20]
      %ad : f32[*] = DequantizeLinear(%a, %sa, %za)
      %bd : f32[*] = DequantizeLinear(%b, %sb, %zb)
      %sum : f32[*] = Add(%ad, %bd)
      %r : f32[*] = Relu(%sum)
      %rq : u8[*] = QuantizeLinear(%r, %sy, %zy)
      %rd : f32[*] = DequantizeLinear(%rq, %sy, %zy)
      %m : f32[*] = MaxPool(%rd) {kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]}
      %mq : u8[*] = QuantizeLinear(%m, %sy, %zy)
      %md : f32[*] = DequantizeLinear(%mq, %sy, %zy)
      %p : f32[*] = AveragePool(%rd) {kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]}
      %pq : u8[*] = QuantizeLinear(%p, %sa, %za)
      %pd : f32[*] = DequantizeLinear(%pq, %sa, %za)
      %k : f32[*] = Concat(%md, %pd) {axis = 1}
      %kq : u8[*] = QuantizeLinear(%k, %sy, %zy)
      %kd : f32[*] = DequantizeLinear(%kq, %sy, %zy)
      %g : f32[*] = GlobalAveragePool(%kd)
      %gq : u8[*] = QuantizeLinear(%g, %sy, %zy)
      %kd2 : f32[*] = DequantizeLinear(%kq, %sy, %zy)
      %h : f32[*] = Sigmoid(%kd2)
      %hq : u8[*] = QuantizeLinear(%h, %sy, %zy)
      output "k" = %kq
      output "g" = %gq
      output "h" = %hq
    })"},
    {"products", "quantised_matmul quantised_matmul", 0.05, R"(graph "g" {
      input %x : u8[2, 7, 24]
      const %s : f32[] = [0.02]
      const %z : u8[] = [128]
      const %w : f32[24, 40] = random(1)
      const %v : f32[16, 40] = random(2)
      const %b : f32[40] = random(3)
      const %c : f32[16] = random(4)
      const %sw : f32[40] = fill(0.01)
      const %unit : f32[] = [0.01]
      const %zero : i8[] = [0]
      const %sy : f32[] = [0.05]
      const %flat : i64[2] = [14, 40]
      %wq : i8[*] = QuantizeLinear(%w, %unit, %zero)
      %vq : i8[*] = QuantizeLinear(%v, %unit, %zero)
      %xd : f32[*] = DequantizeLinear(%x, %s, %z)
      %wd : f32[*] = DequantizeLinear(%wq, %sw) {axis = 1}
      %m : f32[*] = MatMul(%xd, %wd)
      %a : f32[*] = Add(%m, %b)
      %aq : u8[*] = QuantizeLinear(%a, %sy, %z)
      %ad : f32[*] = DequantizeLinear(%aq, %sy, %z)
      %f : f32[*] = Reshape(%ad, %flat)
      %fq : u8[*] = QuantizeLinear(%f, %sy, %z)
      %fd : f32[*] = DequantizeLinear(%fq, %sy, %z)
      %vd : f32[*] = DequantizeLinear(%vq, %unit, %zero)
      %g : f32[*] = Gemm(%fd, %vd, %c) {transB = 1}
      %gq : i8[*] = QuantizeLinear(%g, %sy, %zero)
      %y : f32[*] = DequantizeLinear(%gq, %sy, %zero)
      output "y" = %y
    })"},
};

double largest_difference(const Tensor& a, const Tensor& b) {
    const auto x = a.to_float(), y = b.to_float();
    double largest = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        largest = std::max(largest, std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
    return largest;
}

std::string patterns(const plan::Plan& plan) {
    std::vector<std::string> names;
    for (const plan::Step& step : plan.targets[0].steps) names.push_back(step.region.pattern);
    std::sort(names.begin(), names.end());
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
    return text;
}

class QuantisedCase : public testing::TestWithParam<Case> {};

TEST_P(QuantisedCase, StaysWithinOneStep) {
    ir::Graph graph = ir::parse(GetParam().text);
    ops::annotate(graph);
    BuildOptions options;
    options.gate = GateMode::full;
    options.threads = 2;
    const plan::Plan built = build(graph, backends(), options);
    std::string found = patterns(built) + " ";
    std::istringstream wanted(GetParam().kernels);
    for (std::string name; wanted >> name;) {
        const auto at = found.find(name + " ");
        ASSERT_NE(at, std::string::npos) << name << " is not in " << patterns(built);
        found.erase(at, name.size() + 1);
    }
    EXPECT_EQ(found.find("conv "), std::string::npos) << found;
    EXPECT_EQ(found.find("matmul "), std::string::npos) << found;

    std::vector<Shape> shapes;
    for (const ir::ValueId id : graph.inputs) shapes.push_back(*ir::known_shape(graph.value(id).dims));
    const auto inputs = random_inputs(graph, shapes, 7);
    const auto expected = ops::evaluate(graph, inputs);
    runtime::Context context(std::make_shared<const runtime::Engine>(built, backends()));
    for (std::size_t i = 0; i < inputs.size(); ++i)
        context.bind_input(i, inputs[i].dtype(), inputs[i].shape(), inputs[i].raw());
    context.run();
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(context.output(i).dtype(), expected[i].dtype());
        EXPECT_LE(largest_difference(context.output(i), expected[i]), GetParam().step * 1.001)
            << built.graph.outputs[i].name;
    }
}

INSTANTIATE_TEST_SUITE_P(Graphs, QuantisedCase, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace fovea::compiler
