#include "vision/detection.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fovea/error.hpp"
#include "vision/decode.hpp"

namespace fovea::vision {
namespace {

TEST(IntersectionOverUnion, OfOverlappingBoxes) {
    EXPECT_FLOAT_EQ(intersection_over_union({0, 0, 2, 2}, {1, 1, 3, 3}), 1.0f / 7.0f);
    EXPECT_FLOAT_EQ(intersection_over_union({0, 0, 2, 2}, {2, 0, 4, 2}), 0.0f);
    EXPECT_FLOAT_EQ(intersection_over_union({0, 0, 0, 0}, {0, 0, 0, 0}), 0.0f);
}

TEST(Suppress, KeepsTheBestOfEachLabel) {
    const std::vector<Detection> all = {{{0, 0, 10, 10}, 0.5f, 0, {}},
                                        {{1, 0, 11, 10}, 0.9f, 0, {}},
                                        {{0, 0, 10, 10}, 0.7f, 1, {}},
                                        {{50, 50, 60, 60}, 0.6f, 0, {}}};
    const auto kept = suppress(all, 0.5f);
    ASSERT_EQ(kept.size(), 3u);
    EXPECT_FLOAT_EQ(kept[0].score, 0.9f);
    EXPECT_FLOAT_EQ(kept[1].score, 0.7f);
    EXPECT_FLOAT_EQ(kept[2].score, 0.6f);
    const auto plain = suppress(all, 0.5f, SuppressAcross::all_labels);
    ASSERT_EQ(plain.size(), 2u);
    EXPECT_FLOAT_EQ(plain[1].score, 0.6f);
}

/// Heads of 4 × 6 cells for two batch entries; the second holds one face at row 2, column 3.
Outputs centerface_outputs() {
    const auto head = [](std::int64_t channels) { return Tensor::zeros(DType::f32, {2, channels, 4, 6}); };
    Outputs outputs = {{"heat", head(1)}, {"scale", head(2)}, {"offset", head(2)}, {"marks", head(10)}};
    const std::int64_t cell = 2 * 6 + 3;
    const auto set = [&](const std::string& name, std::int64_t channels, std::int64_t channel, float value) {
        outputs[name].as<float>()[static_cast<std::size_t>((channels + channel) * 24 + cell)] = value;
    };
    set("heat", 1, 0, 0.8f);
    set("scale", 2, 0, std::log(2.0f));
    set("scale", 2, 1, std::log(1.5f));
    set("offset", 2, 0, 0.25f);
    set("offset", 2, 1, -0.5f);
    set("marks", 10, 0, 0.5f);
    set("marks", 10, 1, 0.25f);
    return outputs;
}

OutputContract centerface_contract() {
    OutputContract contract;
    contract.decoder = Decoder::centerface;
    contract.tensors = {{"heatmap", "heat"}, {"scale", "scale"}, {"offset", "offset"}, {"landmarks", "marks"}};
    return contract;
}

Placement doubled() {
    Placement placement;
    placement.scale_x = placement.scale_y = 0.5;
    placement.width = 24;
    placement.height = 16;
    placement.image_width = 48;
    placement.image_height = 32;
    return placement;
}

std::vector<Detection> detect(const OutputContract& contract, const Outputs& outputs, std::int64_t entry) {
    return decode({contract}, outputs, doubled(), entry).detections.value();
}

TEST(Decode, CenterFace) {
    const auto found = detect(centerface_contract(), centerface_outputs(), 1);
    ASSERT_EQ(found.size(), 1u);
    const Detection& face = found[0];
    EXPECT_FLOAT_EQ(face.score, 0.8f);
    // centre (12, 11), 6 wide and 8 high in the network's pixels, twice that in the image's
    EXPECT_FLOAT_EQ(face.box.x1, 18);
    EXPECT_FLOAT_EQ(face.box.y1, 14);
    EXPECT_FLOAT_EQ(face.box.x2, 30);
    EXPECT_FLOAT_EQ(face.box.y2, 30);
    ASSERT_EQ(face.landmarks.size(), 5u);
    EXPECT_FLOAT_EQ(face.landmarks[0].x, 18 + 0.25f * 12);
    EXPECT_FLOAT_EQ(face.landmarks[0].y, 14 + 0.5f * 16);
    EXPECT_TRUE(detect(centerface_contract(), centerface_outputs(), 0).empty());
}

TEST(Decode, DropsWhatIsNotANumber) {
    Outputs outputs = centerface_outputs();
    for (float& value : outputs["scale"].as<float>()) value = std::numeric_limits<float>::infinity();
    EXPECT_TRUE(detect(centerface_contract(), outputs, 1).empty());
}

TEST(Decode, ReadsHalfPrecision) {
    Outputs outputs = centerface_outputs();
    for (auto& [name, tensor] : outputs) tensor = tensor.cast(DType::f16);
    const auto found = detect(centerface_contract(), outputs, 1);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_NEAR(found[0].score, 0.8f, 1e-3f);
    EXPECT_NEAR(found[0].box.x1, 18.0f, 0.02f);
}

TEST(Decode, KeepsTheBestOnly) {
    OutputContract contract;
    contract.decoder = Decoder::detr;
    contract.activation = Activation::sigmoid;
    contract.tensors = {{"boxes", "boxes"}, {"logits", "logits"}};
    const Outputs outputs = {{"boxes", Tensor::from<float>({1, 1, 4}, std::vector{0.5f, 0.5f, 0.5f, 0.25f})},
                             {"logits", Tensor::from<float>({1, 1, 3}, std::vector{1.0f, -1.0f, 2.0f})}};
    const auto all = detect(contract, outputs, 0);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].label, 2);
    EXPECT_EQ(all[1].label, 0);
    EXPECT_FLOAT_EQ(all[0].box.x1, 12);
    EXPECT_FLOAT_EQ(all[0].box.y2, 20);
    contract.max_detections = 1;
    ASSERT_EQ(detect(contract, outputs, 0).size(), 1u);
    EXPECT_EQ(detect(contract, outputs, 0)[0].label, 2);
}

TEST(Decode, NamesWhatDoesNotFit) {
    const auto refusal = [](const OutputContract& contract, const Outputs& outputs, std::int64_t entry) {
        try {
            (void)detect(contract, outputs, entry);
            return std::string();
        } catch (const Error& error) {
            return std::string(error.what());
        }
    };
    OutputContract contract = centerface_contract();
    EXPECT_NE(refusal(contract, centerface_outputs(), 2).find("[2, 1, 4, 6]"), std::string::npos);
    Outputs outputs = centerface_outputs();
    outputs["marks"] = Tensor::zeros(DType::f32, {2, 9, 4, 6});
    EXPECT_NE(refusal(contract, outputs, 0).find("landmarks"), std::string::npos);
    outputs.erase("marks");
    EXPECT_NE(refusal(contract, outputs, 0).find("no output 'marks'"), std::string::npos);
    contract.tensors.erase("offset");
    EXPECT_NE(refusal(contract, outputs, 0).find("offset"), std::string::npos);
}

}  // namespace
}  // namespace fovea::vision
