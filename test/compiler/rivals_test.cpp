#include <gtest/gtest.h>

#include "compiler/prove.hpp"
#include "compiler/usable.hpp"

namespace fovea::compiler {
namespace {

using backend::Layout;

Timed timed(const std::string& name, Layout layout, double us) { return {{name, {layout}, {layout}}, {us, us}}; }

std::vector<std::string> names(const std::vector<Timed>& rivals) {
    std::vector<std::string> result;
    for (const Timed& rival : rivals) result.push_back(rival.tactic.name);
    return result;
}

TEST(Rivals, AreOfAnotherKindFirstThenOfTheSameLayoutThenTheFastest) {
    const auto chosen = timed("own:a", Layout::plain, 1);
    const std::vector<Timed> candidates = {chosen,
                                           timed("own:b", Layout::plain, 2),
                                           timed("own:a", Layout::channels_last, 2),
                                           timed("library:x", Layout::channels_last, 3),
                                           timed("library:y", Layout::plain, 5),
                                           timed("library:z", Layout::plain, 4)};
    EXPECT_EQ(names(rivals_of(chosen.tactic, candidates)),
              (std::vector<std::string>{"library:z", "library:y", "library:x"}));
    backend::Tactic alias = chosen.tactic;
    alias.alias = true;
    EXPECT_TRUE(rivals_of(alias, candidates).empty());
}

/// A region of one node, of which `rivals` may be asked.
void add(Covering& covering, std::vector<Selection>& selections, std::vector<Timed> rivals) {
    covering.regions.push_back({.nodes = {static_cast<ir::NodeId>(covering.regions.size())}});
    Selection selection;
    for (const Timed& rival : rivals) selection.candidates.push_back({rival.tactic.name, rival.times, {}});
    selection.rivals = std::move(rivals);
    selections.push_back(std::move(selection));
}

TEST(Rivals, AreAskedWhereTheyCostLeastAsFarAsTheTimeReaches) {
    Covering covering;
    std::vector<Selection> selections;
    for (const double ms : {100, 160, 20, 110})
        add(covering, selections, {timed("library:x", Layout::plain, ms * 1e3), timed("own:b", Layout::plain, 1e6)});
    add(covering, selections, {});
    const auto affordable = affordable_rivals(covering, selections);
    ASSERT_EQ(affordable.size(), 3U);
    for (const ir::NodeId node : {0, 2, 3}) {
        ASSERT_EQ(affordable.at(node).size(), 2U);
        EXPECT_EQ(affordable.at(node)[0].name, "library:x");
        EXPECT_EQ(affordable.at(node)[1].name, "own:b");
    }
}

TEST(Rivals, CostWhatTheyTakeInTheirOwnLayout) {
    Covering covering;
    std::vector<Selection> selections;
    add(covering, selections, {timed("own:b", Layout::channels_last, 1e3)});
    selections[0].candidates.insert(selections[0].candidates.begin(), {"own:b", {1e6, 1e6}, {}});
    EXPECT_EQ(affordable_rivals(covering, selections).size(), 1U);
}

}  // namespace
}  // namespace fovea::compiler
