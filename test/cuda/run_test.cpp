// Runs every tactic of every template on a GPU and compares every element with the reference.
#include <gtest/gtest.h>

#include "backend/cuda/cuda.hpp"
#include "compiler/cover.hpp"
#include "compiler/gate.hpp"
#include "compiler/region_reference.hpp"
#include "cuda/cases.hpp"
#include "cuda/row_cases.hpp"
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

    /// The region's results as plain tensors.
    [[nodiscard]] std::vector<Tensor> run(const Tactic& tactic) const {
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
        std::vector<TensorDesc> descs;
        std::vector<std::byte*> outputs;
        for (std::size_t i = 0; i < context_.region.outputs.size(); ++i) {
            descs.push_back(context_.output_desc(i, tactic));
            const std::vector<std::byte> poison(descs[i].bytes(), std::byte{0xff});
            memory.push_back(backend_.device()->allocate(poison.size()));
            stream_->upload(memory.back().get(), poison.data(), poison.size());
            stream_->synchronize();
            outputs.push_back(memory.back().get());
        }
        const auto kernel = backend_.prepare(context_, tactic);
        const auto state = kernel->make_state();
        memory.push_back(backend_.device()->allocate(std::max<std::size_t>(kernel->workspace_bytes(), 1)));
        kernel->run({inputs.data(), outputs.data(), memory.back().get(), state.get(), stream_.get()});
        std::vector<Tensor> results;
        for (std::size_t i = 0; i < descs.size(); ++i) {
            Tensor laid_out(descs[i].dtype, descs[i].shape), plain(descs[i].dtype, descs[i].shape);
            stream_->download(laid_out.raw(), outputs[i], descs[i].bytes());
            stream_->synchronize();
            convert(descs[i], laid_out.raw(), TensorDesc::dense(descs[i].dtype, descs[i].shape, Layout::plain),
                    plain.raw());
            results.push_back(std::move(plain));
        }
        return results;
    }

    [[nodiscard]] std::vector<Tensor> reference() const {
        compiler::RegionReference reference(
            graph_, values_, context_.region,
            [this](ir::ValueId id, const ops::Box& box) { return compiler::crop(input(id), box); });
        std::vector<Tensor> results;
        for (const ir::ValueId output : context_.region.outputs)
            results.push_back(reference.box(output, ops::Box::whole(context_.shape(output))));
        return results;
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
    const std::vector<Tensor> expected = device.reference();
    device.prepare_ahead();
    for (const Tactic& tactic : device.tactics()) {
        const std::vector<Tensor> results = device.run(tactic);
        for (std::size_t i = 0; i < results.size(); ++i) {
            const DType dtype = tf32 && results[i].dtype() == DType::f32 ? DType::f16 : results[i].dtype();
            EXPECT_LE(compiler::compare(results[i], expected[i]).max_error, compiler::kernel_tolerance(dtype))
                << tactic.name << ", output " << i;
        }
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

INSTANTIATE_TEST_SUITE_P(CudaRows, Run,
                         testing::Combine(testing::ValuesIn(kRowCases), testing::Values("f32", "f16", "bf16"),
                                          testing::Values(false)),
                         [](const auto& info) {
                             return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param);
                         });

}  // namespace
}  // namespace fovea::backend
