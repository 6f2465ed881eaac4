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
    EXPECT_EQ(contract.outputs.at(0).tensors.at("heatmap"), "537");
    EXPECT_EQ(contract.outputs[0].iou_threshold, 0.25f);
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

std::string with_output(const std::string& output) { return R"({"input": {"tensor": "x"}, "output": )" + output + "}"; }

constexpr const char* kSsd = R"({
    "decoder": "ssd", "tensors": {"boxes": "b", "scores": "s"}, "labels": ["car", "bus"], "max_detections": 100,
    "default_boxes": {"levels": [{"map": [2, 3], "step": 8, "min_size": 21, "max_size": 45, "aspect_ratios": [2, 3]}],
                      "variances": [0.2, 0.4], "clip": true}})";

TEST(ContractOutput, RoundTripsEveryDecoder) {
    for (const std::string& output : {
             std::string(kSsd),
             std::string(R"({"decoder": "detr", "tensors": {"boxes": "b", "logits": "l"}, "activation": "sigmoid"})"),
             std::string(R"([{"decoder": "segmentation", "tensors": {"logits": "l"}, "upsample": "nearest",
                              "palette": [[1, 2, 3]], "labels": ["road"]},
                             {"decoder": "depth", "tensors": {"disparity": "d"}, "min_depth": 1, "max_depth": 80}])"),
         }) {
        const std::string text = to_json(contract_from_json(with_output(output)));
        EXPECT_EQ(to_json(contract_from_json(text)), text);
    }
}

TEST(ContractOutput, ReadsDefaultBoxes) {
    const Contract contract = contract_from_json(with_output(kSsd));
    const OutputContract& output = contract.outputs.at(0);
    EXPECT_EQ(output.decoder, Decoder::ssd);
    EXPECT_EQ(output.max_detections, 100);
    ASSERT_EQ(output.default_boxes.levels.size(), 1u);
    const DefaultBoxLevel& level = output.default_boxes.levels[0];
    EXPECT_EQ(level.map[0], 2);
    EXPECT_EQ(level.map[1], 3);
    EXPECT_EQ(level.step, 8.0f);
    EXPECT_EQ(level.max_size, 45.0f);
    EXPECT_EQ(level.aspect_ratios, (std::vector<float>{2, 3}));
    EXPECT_EQ(output.default_boxes.variances[1], 0.4f);
    EXPECT_TRUE(output.default_boxes.clip);
}

TEST(ContractOutput, NamesWhatIsWrong) {
    const auto refused = [](const std::string& output) { return refusal(with_output(output)); };
    const auto says = [&](const std::string& output, const std::string& part) {
        EXPECT_NE(refused(output).find(part), std::string::npos) << output << "\n" << refused(output);
    };
    says("{}", "output › 'decoder'");
    says(R"({"decoder": "yolo"})", "centerface, ssd, detr, segmentation, depth");
    says(R"({"decoder": "ssd"})", "default_boxes");
    says(R"({"decoder": "ssd", "default_boxes": {"levels": [{"map": [2, 3]}]}})", "'step'");
    says(R"({"decoder": "ssd", "default_boxes": {"levels": [{"map": [2, 3], "steps": 8}]}})",
         "default_boxes › levels › 0 › unknown key 'steps'");
    says(R"({"decoder": "detr", "iou_threshold": 0.5})", "unknown key 'iou_threshold'");
    says(R"({"decoder": "detr", "activation": "tanh"})", "softmax, sigmoid");
    says(R"({"decoder": "segmentation", "score_threshold": 0.5})", "unknown key 'score_threshold'");
    says(R"({"decoder": "depth", "min_depth": 0})", "min_depth");
    says(R"([{"decoder": "depth"}, {"decoder": "detr"}, {"decoder": "depth"}])", "same task");
    says(R"([{"decoder": "depth"}, {"decoder": "detr", "max_detections": -1}])", "output › 1 › 'max_detections'");
}

}  // namespace
}  // namespace fovea::vision
