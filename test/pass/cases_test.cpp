#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/file.hpp"
#include "ir/text.hpp"
#include "ops/evaluate.hpp"
#include "pass/graph_tools.hpp"
#include "pass/pipeline.hpp"

/// Every `.ir` file of this folder holds cases:
///
///     # case: what is shown
///     # passes: name, name        (or "pipeline")
///     graph "before" { ... }
///     graph "after" { ... }       (left out: nothing changes)
namespace fovea {
namespace {

struct Case {
    std::string file, title, passes, before, after;
};

std::vector<Case> read_cases(const std::filesystem::path& path) {
    std::vector<Case> cases;
    std::istringstream lines(base::read_text(path));
    std::string* target = nullptr;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# case: ")) {
            cases.push_back({.file = path.stem().string(), .title = line.substr(8)});
            target = nullptr;
        } else if (line.starts_with("# passes: ")) {
            cases.back().passes = line.substr(10);
        } else if (line.starts_with("graph ")) {
            target = target ? &cases.back().after : &cases.back().before;
            *target = line + "\n";
        } else if (target) {
            *target += line + "\n";
        }
    }
    return cases;
}

std::vector<Case> all_cases() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(FOVEA_CASES))
        if (entry.path().extension() == ".ir") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<Case> cases;
    for (const auto& file : files)
        for (Case& one : read_cases(file)) cases.push_back(std::move(one));
    return cases;
}

std::vector<pass::Pass> passes_of(const std::string& names) {
    if (names == "pipeline") return pass::pipeline();
    std::vector<pass::Pass> passes;
    std::istringstream stream(names);
    for (std::string name; std::getline(stream >> std::ws, name, ',');) passes.push_back(pass::find(name));
    return passes;
}

void PrintTo(const Case& one, std::ostream* stream) { *stream << one.title; }

class PassCase : public testing::TestWithParam<Case> {};

TEST_P(PassCase, GivesTheExpectedGraphAndTheSameNumbers) {
    const Case& one = GetParam();
    SCOPED_TRACE(one.file + ": " + one.title);
    const ir::Graph before = ir::parse(one.before);
    const ir::Graph expected = ir::parse(one.after.empty() ? one.before : one.after);
    ir::Graph actual = before;
    const pass::Report report = pass::run(actual, passes_of(one.passes));
    EXPECT_TRUE(report.settled);
    EXPECT_EQ(test::canonical_text(actual), test::canonical_text(expected));
    EXPECT_EQ(report.changes.empty(), one.after.empty());

    const auto inputs = test::random_inputs(before, 1);
    const auto wanted = ops::evaluate(before, inputs), found = ops::evaluate(actual, inputs);
    ASSERT_EQ(wanted.size(), found.size());
    for (std::size_t i = 0; i < wanted.size(); ++i)
        EXPECT_LE(test::relative_error(found[i], wanted[i]), 1e-5) << "output " << i;
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
    std::string name = info.param.file + "_" + info.param.title;
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    return name;
}

INSTANTIATE_TEST_SUITE_P(Ir, PassCase, testing::ValuesIn(all_cases()), test_name);

TEST(PassCases, EveryPassHasOne) {
    std::string used;
    for (const Case& one : all_cases()) used += ", " + one.passes + ",";
    for (const pass::Pass& pass : pass::pipeline())
        EXPECT_NE(used.find(" " + std::string(pass.name) + ","), std::string::npos) << pass.name;
}

}  // namespace
}  // namespace fovea
