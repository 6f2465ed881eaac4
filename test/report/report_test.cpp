#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/html.hpp"
#include "report/profile_charts.hpp"
#include "report/profile_page.hpp"
#include "report/trace.hpp"

namespace fovea::report {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

Profile sample() {
    Profile profile{"sample <plan>", {{"machine", "a & b"}}, {}, {{"f32", 100e9}, {"bf16", 400e9}}, 20e9};
    profile.kernels.push_back({{"conv\"1\"", "relu"}, "Conv Relu", "f32", "onednn", 100, 5e6, 1e5, 50, Bound::compute});
    profile.kernels.push_back({{"pool"}, "MaxPool", "f32", "onednn", 40, 1e4, 2e5, 10, Bound::memory});
    profile.kernels.push_back({{"shape"}, "convert", "f32", "convert", 5, 0, 1e3, 0, Bound::none});
    return profile;
}

TEST(Html, EscapesMarkup) { EXPECT_EQ(escape("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"); }

TEST(Profile, GapIsTimeOverLimit) {
    EXPECT_DOUBLE_EQ(sample().kernels[0].gap(), 2);
    EXPECT_DOUBLE_EQ(sample().kernels[2].gap(), 0);
}

TEST(Profile, PageHoldsEveryKernelAndNothingForeign) {
    const std::string page = profile_page(sample());
    EXPECT_NE(page.find("<title>sample &lt;plan&gt;</title>"), std::string::npos);
    EXPECT_NE(page.find("conv&quot;1&quot;, relu"), std::string::npos);
    EXPECT_EQ(page.find("conv\"1\""), std::string::npos);
    EXPECT_EQ(count(page, "<tr><td class=\"n\""), 3u);
    for (const char* outside : {"http://", "https://", "src=", "@import"})
        EXPECT_EQ(page.find(outside), std::string::npos) << outside;
}

TEST(Profile, TimelineIsAsWideAsThePicture) {
    const std::string svg = timeline(sample());
    EXPECT_EQ(count(svg, "<rect"), 3u);
    EXPECT_NE(svg.find("x=\"0.00\" y=\"2\" width=\"758.62\""), std::string::npos);  // 1100 * 100 / 145
}

TEST(Profile, RooflineShowsKernelsThatCompute) {
    EXPECT_EQ(count(roofline(sample()), "<title>"), 2u);
    EXPECT_EQ(count(roofline(sample()), "stroke-dasharray"), 4u);
}

TEST(Profile, NothingMeasuredDrawsNothing) {
    const Profile empty{"empty", {}, {}, {}, 0};
    EXPECT_EQ(timeline(empty) + time_by_operator(empty) + roofline(empty), "");
    EXPECT_NE(profile_page(empty).find("</html>"), std::string::npos);
}

TEST(Trace, EventsAndTracks) {
    const std::vector<TraceEvent> events = {{"conv", "Conv", "cpu:0", 0, 10, {{"type", "f32"}}},
                                            {"bad \xff", "Relu", "cpu:0", 10, 2.5, {}},
                                            {"copy", "", "cuda:0", 11, 1, {}}};
    const auto json = nlohmann::json::parse(chrome_trace(events));
    const auto& list = json["traceEvents"];
    ASSERT_EQ(list.size(), 5u);
    EXPECT_EQ(list[0]["args"]["name"], "cpu:0");
    EXPECT_EQ(list[1]["dur"], 10.0);
    EXPECT_EQ(list[1]["args"]["type"], "f32");
    EXPECT_EQ(list[2]["ts"], 10.0);
    EXPECT_NE(list[4]["tid"], list[1]["tid"]);
}

}  // namespace
}  // namespace fovea::report
