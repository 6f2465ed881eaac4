#include "vision/contract.hpp"

#include <gtest/gtest.h>

#include "fovea/error.hpp"

namespace fovea::vision {
namespace {

std::string refusal(const std::string& text) {
    try {
        (void)contract_from_json(text);
        return "";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
        return error.what();
    }
}

TEST(Contract, RoundTrips) {
    const Contract contract = contract_from_json(R"({
        "input": {"tensor": "input.1", "multiple": 32, "resize": "opencv_linear", "color": "bgr", "mean": [1, 2, 3],
                  "layout": "nhwc", "fit": "letterbox", "fill": [114, 114, 114], "width": 640, "height": 640},
        "output": {"decoder": "centerface", "tensors": {"heatmap": "537"}, "labels": ["face"], "iou_threshold": 0.25}
    })");
    EXPECT_EQ(contract.input.tensor, "input.1");
    EXPECT_EQ(contract.input.fit, Fit::letterbox);
    EXPECT_EQ(contract.input.color, ColorOrder::bgr);
    EXPECT_EQ(contract.input.layout, Layout::nhwc);
    EXPECT_EQ(contract.input.fill[1], 114);
    EXPECT_EQ(contract.output.tensors.at("heatmap"), "537");
    EXPECT_EQ(contract.output.iou_threshold, 0.25f);
    const std::string text = to_json(contract);
    EXPECT_EQ(to_json(contract_from_json(text)), text);
}

TEST(Contract, NamesWhatIsWrong) {
    const auto input = [](const std::string& more) { return R"({"input": {"tensor": "x")" + more + "}}"; };
    EXPECT_EQ(refusal(input("")), "");
    EXPECT_NE(refusal("{").find("JSON"), std::string::npos);
    EXPECT_NE(refusal("{}").find("input"), std::string::npos);
    EXPECT_NE(refusal(R"({"input": {}})").find("tensor"), std::string::npos);
    EXPECT_NE(refusal(input(R"(, "colour": "rgb")")).find("colour"), std::string::npos);
    EXPECT_NE(refusal(input(R"(, "fit": "zoom")")).find("stretch, letterbox"), std::string::npos);
    EXPECT_NE(refusal(input(R"(, "width": "wide")")).find("width"), std::string::npos);
    EXPECT_NE(refusal(input(R"(, "width": -4)")).find("width"), std::string::npos);
    EXPECT_NE(refusal(input(R"(, "mean": [1, 2])")).find("mean"), std::string::npos);
    EXPECT_NE(refusal(input(R"(, "std": [0])")).find("std"), std::string::npos);
    EXPECT_NE(refusal(input(R"(, "fit": "center_crop")")).find("resize_shorter"), std::string::npos);
    EXPECT_NE(refusal(input(R"(, "dtype": "u8", "mean": [3])")).find("u8"), std::string::npos);
    EXPECT_NE(refusal(R"([1])").find("object"), std::string::npos);
}

}  // namespace
}  // namespace fovea::vision
