// Results whose size depends on data: found on a GPU, with what is computed from them there and on the host.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "cuda/on_device.hpp"
#include "cuda/plans.hpp"
#include "ir/text.hpp"
#include "ops/evaluate.hpp"
#include "runtime/engine.hpp"

namespace fovea::backend {
namespace {

/// A case and the GPU that it is compiled for.
constexpr auto kName = [](const auto& info) {
    return std::string(std::get<0>(info.param).name) + "_sm" + std::to_string(std::get<1>(info.param));
};

/// Boxes of one image or several, and how they are to be chosen.
struct BoxCase {
    const char* name;
    std::int64_t batch, classes, boxes, limit;
    float overlap;
    std::optional<float> threshold;
    bool centred = false;
    int levels = 0;        ///< of scores, so that there are equal ones; 0: as they come
    bool strange = false;  ///< NaN, infinite and negative numbers among scores and boxes
    float crowd = 4;       ///< boxes that share a place, about
    const char* type = "f32";
};

const BoxCase kBoxCases[] = {
    {"one", 1, 1, 1, 1, 0.5F, 0.1F},
    {"few", 1, 2, 6, 3, 0.5F, std::nullopt},
    {"limit", 1, 3, 700, 5, 0.5F, 0.05F},
    {"none_pass", 1, 3, 70, 5, 0.5F, 2.0F},
    {"limit_of_zero", 1, 3, 70, 0, 0.5F, 0.1F},
    {"classes", 2, 20, 1000, 50, 0.45F, 0.3F},
    {"all_of_a_class", 1, 1, 3000, 3000, 0.5F, std::nullopt},
    {"crowded", 1, 2, 2500, 2500, 0.3F, 0.01F, false, 0, false, 100},
    {"overlap_of_zero", 1, 4, 400, 400, 0.0F, 0.1F},
    {"overlap_below_zero", 1, 4, 400, 400, -1.0F, 0.1F},
    {"overlap_above_one", 1, 4, 400, 400, 1.5F, 0.1F},
    {"ties", 2, 3, 900, 900, 0.5F, 0.2F, false, 5},
    {"all_equal", 1, 2, 600, 600, 0.6F, 0.2F, false, 1},
    {"centred", 2, 4, 800, 300, 0.5F, 0.1F, true},
    {"centred_ties", 1, 4, 800, 800, 0.4F, std::nullopt, true, 3},
    {"strange", 1, 4, 900, 900, 0.5F, 0.1F, false, 0, true},
    {"strange_without_threshold", 1, 4, 900, 900, 0.5F, std::nullopt, false, 0, true},
    {"strange_centred", 1, 4, 900, 900, 0.5F, std::nullopt, true, 7, true},
    {"detector", 1, 80, 8400, 300, 0.65F, 0.6F, false, 0, false, 30},
    {"many", 1, 2, 20011, 1000, 0.5F, 0.001F},
    {"more_than_a_block_sorts", 1, 1, 40000, 2000, 0.5F, std::nullopt, false, 1000, false, 200},
    {"half", 2, 3, 500, 100, 0.5F, 0.25F, false, 0, false, 8, "f16"},
};

std::vector<Tensor> inputs_of(const BoxCase& one) {
    std::mt19937 random(static_cast<std::uint32_t>(one.boxes + one.classes));
    std::uniform_real_distribution<float> unit(0, 1);
    Tensor boxes(DType::f32, {one.batch, one.boxes, 4}), scores(DType::f32, {one.batch, one.classes, one.boxes});
    const float side = 0.8F * std::sqrt(one.crowd / static_cast<float>(one.boxes));
    const auto numbers = boxes.as<float>();
    for (std::size_t i = 0; i < numbers.size(); i += 4) {
        const float y = unit(random), x = unit(random);
        const float h = side * (0.5F + unit(random)), w = side * (0.5F + unit(random));
        const bool turned = unit(random) < 0.3F;
        if (one.centred)
            numbers[i] = x, numbers[i + 1] = y, numbers[i + 2] = w, numbers[i + 3] = h;
        else
            numbers[i] = turned ? y + h : y, numbers[i + 1] = x, numbers[i + 2] = turned ? y : y + h,
            numbers[i + 3] = x + w;
    }
    for (float& score : scores.as<float>()) {
        score = unit(random);
        if (one.levels)
            score = std::floor(score * static_cast<float>(one.levels)) / static_cast<float>(one.levels) + 0.3F;
    }
    if (one.strange) {
        const float odd[] = {NAN, INFINITY, -INFINITY, -0.0F, 0.0F, -1.0F, 1e30F, -1e30F, 1e-40F};
        for (const Tensor& tensor : {boxes, scores}) {
            const auto values = Tensor(tensor).as<float>();
            for (std::size_t i = 0; i < values.size(); ++i)
                if (unit(random) < 0.1F) values[i] = odd[random() % std::size(odd)];
        }
    }
    const DType type = dtype_from_string(one.type);
    return {boxes.cast(type), scores.cast(type)};
}

std::string dims(const BoxCase& one, bool scores) {
    const std::string batch = std::to_string(one.batch), boxes = std::to_string(one.boxes);
    return std::string(one.type) + (scores ? "[" + batch + ", " + std::to_string(one.classes) + ", " + boxes + "]"
                                           : "[" + batch + ", " + boxes + ", 4]");
}

/// With the numbers as constants, or as further inputs.
ir::Graph graph_of(const BoxCase& one, bool at_run_time) {
    const auto number = [](float value) {
        char text[48];
        std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
        return std::string(text);
    };
    std::string text = "graph \"g\" {\n input %b : " + dims(one, false) + "\n input %s : " + dims(one, true) + "\n";
    if (at_run_time) {
        text += " input %n : i64[1]\n input %o : f32[1]\n";
        if (one.threshold) text += " input %t : f32[1]\n";
    } else {
        text += " const %n : i64[] = [" + std::to_string(one.limit) + "]\n const %o : f32[] = [" + number(one.overlap) +
                "]\n";
        if (one.threshold) text += " const %t : f32[1] = [" + number(*one.threshold) + "]\n";
    }
    text += std::string(" %y : undefined[*] = NonMaxSuppression(%b, %s, %n, %o") + (one.threshold ? ", %t" : "") +
            ") {center_point_box = " + (one.centred ? "1" : "0") + "}\n output \"y\" = %y\n}";
    return ir::parse(text);
}

/// The plans' steps of one pattern.
std::vector<plan::Step*> steps_of(plan::Plan& plan, std::string_view pattern) {
    std::vector<plan::Step*> found;
    for (plan::Step& step : plan.targets.at(0).steps)
        if (step.region.pattern == pattern) found.push_back(&step);
    return found;
}

std::vector<Tensor> run(runtime::Context& context, const std::vector<Tensor>& inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i)
        context.bind_input(i, inputs[i].dtype(), inputs[i].shape(), inputs[i].raw());
    context.run();
    std::vector<Tensor> results;
    for (std::size_t i = 0; i < context.engine().plan().graph.outputs.size(); ++i)
        results.push_back(context.output(i).clone());
    return results;
}

std::vector<Tensor> run(const plan::Plan& plan, const std::vector<Tensor>& inputs) {
    runtime::Context context(std::make_shared<const runtime::Engine>(plan, backends()));
    return run(context, inputs);
}

void expect_equal(const std::vector<Tensor>& found, const std::vector<Tensor>& wanted, const std::string& what) {
    ASSERT_EQ(found.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(found[i].shape(), wanted[i].shape()) << what << ", output " << i;
        EXPECT_TRUE(found[i].equals(wanted[i])) << what << ", output " << i;
    }
}

/// Compiles a plan's kernels for inputs of `shapes`. All of them are for the GPU, and one count is found. Returns how
/// many launches they make.
std::size_t compiled_launches(const plan::Plan& plan, const runtime::Backends& backends,
                              const std::vector<Shape>& shapes) {
    const runtime::Engine engine(plan, backends);
    const auto program = engine.program(shapes);
    EXPECT_EQ(program->counts, 1U);
    for (const runtime::Launch& launch : program->launches) {
        EXPECT_NE(launch.kernel, nullptr);
        EXPECT_FALSE(launch.on_host);
    }
    return program->launches.size();
}

class Boxes : public testing::TestWithParam<BoxCase> {};

TEST_P(Boxes, AreChosenAsTheReferenceDoes) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const BoxCase& one = GetParam();
    if (for_sanitizers() && one.classes * one.boxes > 2000) GTEST_SKIP() << "skipped: too large for sanitizers";
    std::vector<Tensor> inputs = inputs_of(one);
    const auto expected = ops::evaluate(graph_of(one, false), inputs);
    for (const bool at_run_time : {false, true}) {
        if (at_run_time) {
            const std::int64_t limit[] = {one.limit};
            inputs.push_back(Tensor::from<std::int64_t>({1}, limit));
            inputs.push_back(Tensor::from<float>({1}, {&one.overlap, 1}));
            if (one.threshold) inputs.push_back(Tensor::from<float>({1}, {&*one.threshold, 1}));
        }
        plan::Plan plan = plan_of(graph_of(one, at_run_time), backends());
        const auto steps = steps_of(plan, "suppression");
        if (one.limit == 0 && !at_run_time) {
            EXPECT_TRUE(steps.empty());
            expect_equal(run(plan, inputs), expected, "on the host");
            continue;
        }
        ASSERT_EQ(steps.size(), 1U);
        for (const char* tactic : {"masks", "lists"}) {
            if (steps[0]->tactic.name == "lists" && std::string(tactic) == "masks") continue;
            steps[0]->tactic.name = tactic;
            const auto found = run(plan, inputs);
            expect_equal(found, expected, std::string(tactic) + (at_run_time ? ", numbers at run time" : ""));
            expect_equal(run(plan, inputs), found, "again");
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Cuda, Boxes, testing::ValuesIn(kBoxCases),
                         [](const auto& info) { return std::string(info.param.name); });

class BoxKernels : public testing::TestWithParam<std::tuple<BoxCase, int>> {};

TEST_P(BoxKernels, Compile) {
    const auto& [one, capability] = GetParam();
    if (!no_compiler().empty()) GTEST_SKIP() << "skipped: " << no_compiler();
    const runtime::Backends backends = compilers(capability);
    plan::Plan plan = plan_of(graph_of(one, true), backends);
    const auto steps = steps_of(plan, "suppression");
    ASSERT_EQ(steps.size(), 1U);
    std::vector<Shape> shapes = {{one.batch, one.boxes, 4}, {one.batch, one.classes, one.boxes}, {1}, {1}};
    if (one.threshold) shapes.push_back({1});
    for (const char* tactic : {"masks", "lists"}) {
        steps[0]->tactic.name = tactic;
        EXPECT_EQ(compiled_launches(plan, backends, shapes), 1U) << tactic;
    }
}

INSTANTIATE_TEST_SUITE_P(Cuda, BoxKernels,
                         testing::Combine(testing::Values(kBoxCases[1], kBoxCases[13], kBoxCases[18], kBoxCases[20],
                                                          kBoxCases[21]),
                                          testing::Values(80, 90)),
                         kName);

/// Places that are found in a tensor of which so much is not zero.
struct PlaceCase {
    const char* name;
    const char* text;
    float share;
};

constexpr const char* kNonZero = R"(graph "g" {
  input %x : f32[3, 70, 101]
  %y : undefined[*] = NonZero(%x)
  %z : undefined[*] = Transpose(%y)
  %v : undefined[*] = GatherND(%x, %z)
  output "y" = %y
  output "z" = %z
  output "v" = %v
})";
constexpr const char* kNonZeroFlags = R"(graph "g" {
  input %x : f32[30011]
  %b : undefined[*] = Cast(%x) {to = 9}
  %y : undefined[*] = NonZero(%b)
  output "y" = %y
})";
constexpr const char* kCompress = R"(graph "g" {
  input %x : f32[5, 9000]
  input %c : f32[9000]
  %b : undefined[*] = Cast(%c) {to = 9}
  %y : undefined[*] = Compress(%x, %b) {axis = 1}
  output "y" = %y
})";
constexpr const char* kCompressRows = R"(graph "g" {
  input %x : f32[513, 6]
  input %c : f32[500]
  %b : undefined[*] = Cast(%c) {to = 9}
  %h : undefined[*] = Cast(%x) {to = 10}
  %y : undefined[*] = Compress(%h, %b) {axis = 0}
  %r : undefined[*] = Relu(%y)
  output "r" = %r
})";
constexpr const char* kCompressFlat = R"(graph "g" {
  input %x : f32[20, 30]
  input %c : f32[600]
  %b : undefined[*] = Cast(%c) {to = 9}
  %y : undefined[*] = Compress(%x, %b)
  output "y" = %y
})";

const PlaceCase kPlaceCases[] = {
    {"some", kNonZero, 0.1F},       {"none", kNonZero, 0},         {"all", kNonZero, 1},
    {"flags", kNonZeroFlags, 0.5F}, {"columns", kCompress, 0.3F},  {"rows", kCompressRows, 0.7F},
    {"no_rows", kCompressRows, 0},  {"flat", kCompressFlat, 0.4F},
};

class Places : public testing::TestWithParam<PlaceCase> {};

TEST_P(Places, AreFoundAsTheReferenceDoes) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const ir::Graph graph = ir::parse(GetParam().text);
    std::vector<Tensor> inputs;
    std::mt19937 random(7);
    std::uniform_real_distribution<float> unit(0, 1);
    for (const ir::ValueId id : graph.inputs) {
        inputs.emplace_back(DType::f32, *ir::known_shape(graph.value(id).dims));
        for (float& x : inputs.back().as<float>())
            x = unit(random) < GetParam().share ? unit(random) + 0.1F : unit(random) < 0.5F ? 0.0F : -0.0F;
    }
    plan::Plan plan = plan_of(graph, backends());
    EXPECT_EQ(steps_of(plan, "selection").size(), 1U);
    EXPECT_TRUE(steps_of(plan, "reference").empty());
    expect_equal(run(plan, inputs), ops::evaluate(graph, inputs), "on the GPU");
}

INSTANTIATE_TEST_SUITE_P(Cuda, Places, testing::ValuesIn(kPlaceCases),
                         [](const auto& info) { return std::string(info.param.name); });

class PlaceKernels : public testing::TestWithParam<std::tuple<PlaceCase, int>> {};

TEST_P(PlaceKernels, Compile) {
    const auto& [one, capability] = GetParam();
    if (!no_compiler().empty()) GTEST_SKIP() << "skipped: " << no_compiler();
    const runtime::Backends backends = compilers(capability);
    const ir::Graph graph = ir::parse(one.text);
    std::vector<Shape> shapes;
    for (const ir::ValueId id : graph.inputs) shapes.push_back(*ir::known_shape(graph.value(id).dims));
    EXPECT_GE(compiled_launches(plan_of(graph, backends), backends, shapes), 1U);
}

INSTANTIATE_TEST_SUITE_P(Cuda, PlaceKernels,
                         testing::Combine(testing::Values(kPlaceCases[0], kPlaceCases[3], kPlaceCases[4],
                                                          kPlaceCases[5], kPlaceCases[7]),
                                          testing::Values(80, 90)),
                         kName);

/// What stands behind the suppression in exported detectors: on the device where it goes place by place.
constexpr const char* kDetector = R"(graph "g" {
  input %b : f32[2, 600, 4]
  input %s : f32[2, 5, 600]
  const %n : i64[] = [40]
  const %o : f32[] = [0.5]
  const %t : f32[] = [0.4]
  const %zero : i64[] = [0]
  const %one : i64[] = [1]
  const %two : i64[] = [2]
  const %last : i64[1] = [1]
  const %ends : i64[2] = [0, 2]
  const %k : i64[1] = [3]
  const %rows : i64[2] = [-1, 1]
  const %far : i64[1] = [5]
  const %axis : i64[1] = [0]
  %y : undefined[*] = NonMaxSuppression(%b, %s, %n, %o, %t)
  %pair : undefined[*] = Gather(%y, %ends) {axis = 1}
  %boxes : undefined[*] = GatherND(%b, %pair)
  %scores : undefined[*] = GatherND(%s, %y)
  %column : undefined[*] = Gather(%y, %one) {axis = 1}
  %class : undefined[*] = Cast(%column) {to = 1}
  %classes : undefined[*] = Unsqueeze(%class, %last)
  %tall : undefined[*] = Reshape(%scores, %rows)
  %all : undefined[*] = Concat(%boxes, %tall, %classes) {axis = 1}
  %turned : undefined[*] = Transpose(%all)
  %size : undefined[*] = Shape(%y)
  %best : undefined[*] = ReduceMax(%all, %axis) {keepdims = 0}
  %first : undefined[*] = Slice(%all, %axis, %far, %axis)
  output "all" = %all
  output "turned" = %turned
  output "size" = %size
  output "best" = %best
  output "first" = %first
})";

TEST(CudaCounted, GoesOnWhereItIs) {
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const BoxCase one{"", 2, 5, 600, 40, 0.5F, 0.4F};
    const std::vector<Tensor> inputs = inputs_of(one);
    const ir::Graph graph = ir::parse(kDetector);
    const plan::Plan plan = plan_of(graph, backends());
    runtime::Context context(std::make_shared<const runtime::Engine>(plan, backends()));
    for (const float scale : {1.0F, 0.5F, 0.2F, 1.0F}) {
        std::vector<Tensor> scaled = {inputs[0], inputs[1].clone()};
        for (float& score : scaled[1].as<float>()) score *= scale;
        expect_equal(run(context, scaled), ops::evaluate(graph, scaled), "scores times " + std::to_string(scale));
    }
}

TEST(CudaCounted, StaysOnTheDevicePlaceByPlace) {
    if (!no_compiler().empty()) GTEST_SKIP() << "skipped: " << no_compiler();
    const runtime::Backends backends = compilers(90);
    const runtime::Engine engine(plan_of(ir::parse(kDetector), backends), backends);
    const auto program = engine.program({{2, 600, 4}, {2, 5, 600}});
    for (const runtime::Launch& launch : program->launches) {
        const std::string& op = engine.plan().graph.node(launch.step->region.nodes.at(0)).op;
        EXPECT_EQ(launch.on_host, op == "Shape" || op == "ReduceMax" || op == "Slice") << op;
    }
}

}  // namespace
}  // namespace fovea::backend
