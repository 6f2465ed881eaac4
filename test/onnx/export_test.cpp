#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "onnx/export.hpp"
#include "onnx/import.hpp"

namespace fovea::onnx {
namespace {

constexpr const char* kNetwork = R"(graph "network" {
  input %x : f32[batch, 3, 32, 32]
  const %w : f32[8, 3, 5, 5] = random(1)
  const %few : i4[3] = [-8, 0, 7]
  %y : f32[batch, 8, 28, 28] = Conv(%x, %w) {kernel_shape = [5, 5]} name "conv"
  %wide : f32[3] = Cast(%few) {to = 1} name "cast"
  output "y" = %y
  output "wide" = %wide
}
)";

/// A fresh folder that goes with the test.
class OnnxFiles : public testing::Test {
  protected:
    OnnxFiles() {
        std::string name = (std::filesystem::temp_directory_path() / "fovea_onnx_XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~OnnxFiles() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
};

/// The mapped file that holds `address`, or nothing.
std::string mapping_of(const void* address) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        std::istringstream fields(line);
        std::uintptr_t begin = 0, end = 0;
        char dash = 0;
        std::string permissions, offset, device, inode, path;
        fields >> std::hex >> begin >> dash >> end >> permissions >> offset >> device >> inode >> path;
        const auto place = reinterpret_cast<std::uintptr_t>(address);
        if (place >= begin && place < end) return path;
    }
    return {};
}

const Tensor& constant(const ir::Graph& graph, std::string_view name) {
    const Tensor* tensor = graph.constant(graph.find_value(name));
    if (!tensor) throw Error(ErrorCode::internal, "no such constant");
    return *tensor;
}

TEST_F(OnnxFiles, RoundTrip) {
    const ir::Graph graph = ir::parse(kNetwork);
    export_model(graph, folder_ / "model.onnx");
    const ir::Graph again = import_model(folder_ / "model.onnx");
    EXPECT_FALSE(std::filesystem::exists(folder_ / "model.onnx.data"));
    EXPECT_TRUE(constant(again, "w").equals(constant(graph, "w")));
    EXPECT_TRUE(constant(again, "few").equals(constant(graph, "few")));
    const ir::Value& y = again.value(again.outputs[0].value);
    EXPECT_EQ(ir::to_string(y.dims), "[batch, 8, 28, 28]");
    EXPECT_EQ(y.origins, std::vector<std::string>{"y"});
    EXPECT_EQ(again.node(y.producer).origins, std::vector<std::string>{"conv"});
}

TEST_F(OnnxFiles, LargeWeightsStandInTheirOwnFileAndStayThere) {
    const ir::Graph graph = ir::parse(kNetwork);
    export_model(graph, folder_ / "model.onnx", {.max_inline_bytes = 1000});
    const ir::Graph again = import_model(folder_ / "model.onnx");
    const Tensor& weights = constant(again, "w");
    EXPECT_TRUE(weights.equals(constant(graph, "w")));
    EXPECT_EQ(mapping_of(weights.raw()), std::filesystem::canonical(folder_ / "model.onnx.data").string());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(weights.raw()) % 64, 0u);
}

TEST_F(OnnxFiles, WeightsOutliveTheGraph) {
    export_model(ir::parse(kNetwork), folder_ / "model.onnx", {.max_inline_bytes = 1000});
    const Tensor weights = constant(import_model(folder_ / "model.onnx"), "w");
    std::filesystem::remove_all(folder_);
    EXPECT_TRUE(weights.equals(constant(ir::parse(kNetwork), "w")));
}

TEST_F(OnnxFiles, OverriddenShapeReachesEveryValue) {
    export_model(ir::parse(kNetwork), folder_ / "model.onnx");
    const ir::Graph graph = import_model(folder_ / "model.onnx", {.shapes = {{"x", ir::to_dims(Shape{2, 3, 8, 9})}}});
    EXPECT_EQ(ir::to_string(graph.value(graph.outputs[0].value).dims), "[2, 8, 4, 5]");
}

TEST(OnnxImport, ModelInMemoryIsNamedInErrors) {
    const std::string text = "no model";
    try {
        import_model_bytes({nullptr, std::as_bytes(std::span(text))}, {}, "network.onnx");
        FAIL();
    } catch (const Error& error) {
        EXPECT_TRUE(std::string(error.what()).starts_with("network.onnx › ")) << error.what();
    }
}

TEST(OnnxExport, OldestSufficientOperatorSet) {
    EXPECT_EQ(required_opset(ir::parse(kNetwork)), 21);
    EXPECT_EQ(required_opset(
                  ir::parse("graph \"g\" {\n input %x : f32[2]\n %y : f32[2] = Relu(%x)\n output \"y\" = %y\n}\n")),
              17);
}

}  // namespace
}  // namespace fovea::onnx
