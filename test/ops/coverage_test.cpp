#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.hpp"
#include "ops/cases.hpp"
#include "ops/op.hpp"

namespace fovea::test {
namespace {

TEST(Coverage, EveryOperatorHasACase) {
    const auto cases = operator_cases(FOVEA_TEST_DATA);
    for (const ops::Op* op : ops::all())
        EXPECT_TRUE(
            std::any_of(cases.begin(), cases.end(), [&](const OperatorCase& one) { return one.node().op == op->name; }))
            << op->name << ": add a case to test/ops/data";
}

TEST(Coverage, ThePageListsEveryOperator) {
    const std::string page = base::read_text(FOVEA_TEST_DATA "/../../../docs/operators.md");
    for (const ops::Op* op : ops::all())
        EXPECT_NE(page.find("| " + std::string(op->name) + " |"), std::string::npos)
            << op->name << ": run build/bin/operators_page > docs/operators.md";
}

}  // namespace
}  // namespace fovea::test
