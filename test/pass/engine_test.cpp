#include "pass/engine.hpp"

#include <gtest/gtest.h>

#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "pass/pipeline.hpp"

namespace fovea::pass {
namespace {

constexpr std::string_view kChain = R"(graph "chain" {
  input %x : f32[2, 3]
  %a : f32[*] = Relu(%x) name "a" from ["a"]
  %b : f32[*] = Relu(%a) name "b" from ["b"]
  %c : f32[*] = Relu(%b) name "c" from ["c"]
  %d : f32[*] = Sigmoid(%c) name "d" from ["d"]
  output "y" = %d
}
)";

std::size_t nodes(const ir::Graph& graph) { return graph.order().size(); }

TEST(Engine, StopsAfterTheGivenPatch) {
    for (const int stop : {0, 1, 2}) {
        ir::Graph graph = ir::parse(kChain);
        const Report report = simplify(graph, {.stop_after = stop});
        EXPECT_EQ(report.changes.size(), static_cast<std::size_t>(stop));
        EXPECT_EQ(nodes(graph), static_cast<std::size_t>(4 - stop));
    }
}

TEST(Engine, LeavesOutDisabledPassesAndRefusesUnknownNames) {
    ir::Graph graph = ir::parse(kChain);
    EXPECT_TRUE(simplify(graph, {.disabled = {"remove-identities"}}).changes.empty());
    EXPECT_THROW(simplify(graph, {.disabled = {"no-such-pass"}}), Error);
}

TEST(Engine, ReportsWhatEachPassDid) {
    ir::Graph graph = ir::parse(kChain);
    const Report report = simplify(graph);
    ASSERT_EQ(report.changes.size(), 2u);
    EXPECT_EQ(report.changes[0].pass, "remove-identities");
    EXPECT_EQ(report.changes[0].removed, (std::vector<std::string>{"Relu b"}));
    EXPECT_EQ(report.changes[0].origins, (std::vector<std::string>{"b"}));
    EXPECT_EQ(report.nodes_before, 4);
    EXPECT_EQ(report.nodes_after, 2);
}

TEST(Engine, NamesThePassThatChangesAShape) {
    const Pass wrong = {"wrong", "replaces the output by the input", [](const View& view) {
                            std::vector<ir::Patch> patches(1, ir::Patch(view.graph()));
                            patches[0].replace(view.graph().outputs[0].value, view.graph().inputs[0]);
                            return patches;
                        }};
    ir::Graph graph = ir::parse(R"(graph "g" {
        input %x : f32[1, 1, 4, 4]
        const %w : f32[1, 1, 2, 2] = fill(1)
        %y : f32[*] = Conv(%x, %w)
        output "y" = %y
    })");
    try {
        run(graph, std::span(&wrong, 1));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::internal);
        EXPECT_NE(std::string(error.what()).find("pass wrong"), std::string::npos) << error.what();
    }
}

TEST(Engine, AppliesInputShapes) {
    ir::Graph graph = ir::parse("graph \"g\" { input %x : f32[n, 3] %y : f32[*] = Relu(%x) output \"y\" = %y }");
    simplify(graph, {.input_shapes = {{"x", {5, 3}}}});
    EXPECT_EQ(ir::to_string(graph.value(graph.outputs[0].value).dims), "[5, 3]");
    EXPECT_THROW(simplify(graph, {.input_shapes = {{"z", {5, 3}}}}), Error);
}

TEST(Patches, ThatOverlapFollowEachOther) {
    ir::Graph graph = ir::parse(kChain);
    const auto value = [&](const char* name) { return graph.find_value(name); };
    ir::Patch first(graph), second(graph), third(graph);
    first.replace(value("b"), value("a"));
    second.replace(value("c"), value("b"));
    third.replace(value("d"), third.node("Sigmoid", {value("b")}));
    ir::Rewriter rewriter(graph);
    EXPECT_TRUE(rewriter.apply(first));
    EXPECT_TRUE(rewriter.apply(second));
    EXPECT_TRUE(rewriter.apply(third));
    EXPECT_FALSE(rewriter.apply(first)) << "its value was replaced already";
    ir::verify(graph);
    EXPECT_EQ(nodes(graph), 2u);
    EXPECT_EQ(graph.value(graph.outputs[0].value).name, "d") << "a replaced value's name stays";
}

}  // namespace
}  // namespace fovea::pass
