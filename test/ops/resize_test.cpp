#include <gtest/gtest.h>

#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "ops/evaluate.hpp"
#include "ops/infer.hpp"

namespace fovea::test {
namespace {

ir::Graph resize(const std::string& scales, const std::string& attributes) {
    return ir::parse("graph \"g\" {\n  input %x : f32[1, 1, 2, 2]\n  const %s : f32[4] = " + scales +
                     "\n  %y : f32[*] = Resize(%x, _, %s) {" + attributes + "}\n  output \"y\" = %y\n}\n");
}

std::vector<float> resized(const std::string& scales, const std::string& attributes) {
    const auto x = Tensor::from<float>({1, 1, 2, 2}, {1, 2, 3, 4});
    return ops::evaluate(resize(scales, attributes), {x})[0].to_float();
}

TEST(Resize, NearestRepeatsPixels) {
    EXPECT_EQ(resized("[1, 1, 2, 1]", "mode = \"nearest\""), (std::vector<float>{1, 2, 1, 2, 3, 4, 3, 4}));
}

TEST(Resize, LinearHitsCornersWhenTheyAreAligned) {
    EXPECT_EQ(resized("[1, 1, 1, 1.5]", "mode = \"linear\", coordinate_transformation_mode = \"align_corners\""),
              (std::vector<float>{1, 1.5, 2, 3, 3.5, 4}));
}

TEST(Resize, AntialiasAveragesWhatItSkips) {
    EXPECT_EQ(resized("[1, 1, 0.5, 0.5]", "mode = \"linear\", antialias = 1"), (std::vector<float>{2.5}));
}

TEST(Resize, RefusesAScaleOfZero) {
    try {
        ops::infer(resize("[1, 1, 0, 1]", "mode = \"nearest\""));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_model);
        EXPECT_NE(std::string(error.what()).find("scales"), std::string::npos) << error.what();
    }
}

TEST(Resize, RefusesAnUnknownMode) { EXPECT_THROW(ops::infer(resize("[1, 1, 1, 1]", "mode = \"area\"")), Error); }

}  // namespace
}  // namespace fovea::test
