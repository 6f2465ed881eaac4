// Runs every tactic of every template on a GPU and compares every element with the reference.
#include <gtest/gtest.h>

#include "backend/cuda/cuda.hpp"
#include "compiler/cover.hpp"
#include "compiler/gate.hpp"
#include "compiler/region_reference.hpp"
#include "cuda/cases.hpp"
#include "fovea/error.hpp"
#include "ops/infer.hpp"

namespace fovea::backend {
namespace {

/// A case's region on the GPU, with its inputs there and on the host.
class OnDevice {
  public:
    OnDevice(const Backend& backend, const ir::Graph& graph)
        : backend_(backend),
          graph_(graph),
          values_(ops::infer(graph)),
          covering_(compiler::cover(graph, values_, backend, true)),
          stream_(backend.device()->make_stream()),
          context_{graph_, covering_.regions.at(0), values_} {
        std::vector<Shape> shapes;
        for (const ir::ValueId id : graph.inputs) shapes.push_back(context_.shape(id));
        inputs_ = compiler::random_inputs(graph, shapes, 3);
    }

    [[nodiscard]] std::vector<Tactic> tactics() const { return backend_.tactics(context_); }

    void prepare_ahead() const {
        std::vector<std::pair<RegionContext, Tactic>> list;
        for (const Tactic& tactic : tactics()) list.emplace_back(context_, tactic);
        backend_.prepare_ahead(list);
    }

    /// The region's result as a plain tensor.
    [[nodiscard]] Tensor run(const Tactic& tactic) const {
        std::vector<std::shared_ptr<std::byte>> memory;
        std::vector<const std::byte*> inputs;
        for (std::size_t i = 0; i < context_.region.inputs.size(); ++i) {
            if (context_.constant(context_.region.inputs[i])) {
                inputs.push_back(nullptr);
                continue;
            }
            const TensorDesc desc = context_.input_desc(i, tactic);
            const Tensor plain = input(context_.region.inputs[i]);
            Tensor laid_out(desc.dtype, desc.shape);
            convert(TensorDesc::dense(desc.dtype, desc.shape, Layout::plain), plain.raw(), desc, laid_out.raw());
            memory.push_back(backend_.device()->allocate(desc.bytes()));
            stream_->upload(memory.back().get(), laid_out.raw(), desc.bytes());
            stream_->synchronize();
            inputs.push_back(memory.back().get());
        }
        const TensorDesc desc = context_.output_desc(0, tactic);
        Tensor laid_out(desc.dtype, desc.shape), plain(desc.dtype, desc.shape);
        const auto output = backend_.device()->allocate(desc.bytes());
        std::fill_n(laid_out.raw(), desc.bytes(), std::byte{0xff});
        stream_->upload(output.get(), laid_out.raw(), desc.bytes());
        std::byte* outputs[] = {output.get()};
        const auto kernel = backend_.prepare(context_, tactic);
        const auto state = kernel->make_state();
        kernel->run({inputs.data(), outputs, nullptr, state.get(), stream_.get()});
        stream_->download(laid_out.raw(), output.get(), desc.bytes());
        stream_->synchronize();
        convert(desc, laid_out.raw(), TensorDesc::dense(desc.dtype, desc.shape, Layout::plain), plain.raw());
        return plain;
    }

    [[nodiscard]] Tensor reference() const {
        compiler::RegionReference reference(
            graph_, values_, context_.region,
            [this](ir::ValueId id, const ops::Box& box) { return compiler::crop(input(id), box); });
        const ir::ValueId output = context_.region.outputs[0];
        return reference.box(output, ops::Box::whole(context_.shape(output)));
    }

  private:
    [[nodiscard]] Tensor input(ir::ValueId id) const {
        if (const Tensor* constant = context_.constant(id)) return *constant;
        const auto at = std::find(graph_.inputs.begin(), graph_.inputs.end(), id) - graph_.inputs.begin();
        return inputs_[static_cast<std::size_t>(at)];
    }

    const Backend& backend_;
    const ir::Graph& graph_;
    ops::ValueTable values_;
    compiler::Covering covering_;
    std::unique_ptr<Stream> stream_;
    RegionContext context_;
    std::vector<Tensor> inputs_;
};

class Run : public testing::TestWithParam<std::tuple<Case, std::string, bool>> {};

TEST_P(Run, EveryTacticEqualsTheReference) {
    const auto& [one, type, tf32] = GetParam();
    if (!cuda_status().usable) GTEST_SKIP() << "skipped: no GPU: " << cuda_status().text;
    const auto backend = make_cuda_backend({0, tf32});
    const ir::Graph graph = graph_of(one, type);
    const OnDevice device(*backend, graph);
    const Tensor expected = device.reference();
    const DType dtype = dtype_from_string(type);
    device.prepare_ahead();
    for (const Tactic& tactic : device.tactics()) {
        const auto evidence = compiler::compare(device.run(tactic), expected);
        EXPECT_LE(evidence.max_error, compiler::kernel_tolerance(tf32 ? DType::f16 : dtype)) << tactic.name;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Cuda, Run, testing::Combine(testing::ValuesIn(kCases), testing::Values("f32", "f16"), testing::Values(false)),
    [](const auto& info) { return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param); });
INSTANTIATE_TEST_SUITE_P(CudaBf16, Run, testing::Values(std::tuple<Case, std::string, bool>{kCases[0], "bf16", false}),
                         [](const auto& info) { return std::string(std::get<0>(info.param).name) + "_bf16"; });
INSTANTIATE_TEST_SUITE_P(CudaTf32, Run,
                         testing::Combine(testing::ValuesIn(kCases), testing::Values("f32"), testing::Values(true)),
                         [](const auto& info) { return std::string(std::get<0>(info.param).name) + "_tf32"; });

}  // namespace
}  // namespace fovea::backend
