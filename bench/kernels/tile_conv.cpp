// Convolution on tile registers beside oneDNN's, in bf16 with bias and ReLU, on a machine with AMX.
// usage: OMP_NUM_THREADS=2 bench_tile_conv; arguments of a case: C H W K kernel stride
#include "backend/cpu/simd/tile_conv.hpp"

#include "backend/cpu/simd/target.hpp"
#include "compare.hpp"
#include "dnnl_conv.hpp"

namespace fovea::bench {
namespace {

using namespace backend::cpu::simd;

void convolve(benchmark::State& state) {
    if (!target_has_tiles()) return state.SkipWithError("the machine has no AMX");
    const auto size = [&](int i) { return static_cast<int>(state.range(i)); };
    const int kernel = size(4), stride = size(5);
    const ConvShape s{1, size(0), size(1), size(2), size(3), kernel, stride, kernel / 2, 1};
    TileConv conv;
    conv.height = s.out(s.h), conv.width = s.out(s.w), conv.out_channels = s.k;
    conv.kernel_height = conv.kernel_width = kernel, conv.stride_y = conv.stride_x = stride;
    const std::size_t outputs = static_cast<std::size_t>(conv.height) * conv.width * s.k;
    const std::size_t inputs = static_cast<std::size_t>(s.h) * s.w * s.c;
    const Memory input(inputs * 2), output(outputs * 2), bias(s.k * 4);
    std::vector<std::int32_t> rows(tile_conv_table_size(conv.height, kernel, stride, 1)),
        columns(tile_conv_table_size(conv.width, kernel, stride, 1));
    fill_source_index(rows.data(), static_cast<int>(rows.size()), s.h, s.pad, s.pad, PadMode::zero);
    fill_source_index(columns.data(), static_cast<int>(columns.size()), s.w, s.pad, s.pad, PadMode::zero);
    const bool tables = kernel > 1 || stride > 1;
    conv.sources[0] = {input.data.get(), dense_pitch(s.h, s.w, s.c), s.c, tables ? rows.data() : nullptr,
                       tables ? columns.data() : nullptr};
    const Memory weights(tile_conv_packed_size(conv));
    conv.weights = weights.data.get();
    conv.output = output.data.get(), conv.output_pitch = dense_pitch(conv.height, conv.width, s.k);
    conv.epilogue.bias = bias.floats(), conv.epilogue.activation = Activation::relu;
    const int threads = base::thread_count();
    const Memory workspace(tile_conv_workspace(conv, threads));
    DnnlConv library(s, dnnl::memory::data_type::bf16);
    compare(
        state, [&] { tile_conv(conv, workspace.data.get(), threads); }, [&] { library.run(); }, s.flops(),
        static_cast<double>((inputs + outputs) * 2));
}

void shapes(benchmark::internal::Benchmark* b) {
    for (const auto& [c, h, w, k, kernel, stride] : std::vector<std::array<int, 6>>{{64, 56, 56, 256, 1, 1},
                                                                                    {256, 56, 56, 64, 1, 1},
                                                                                    {512, 38, 38, 1024, 1, 1},
                                                                                    {1024, 14, 14, 256, 1, 1},
                                                                                    {2048, 7, 7, 512, 1, 1},
                                                                                    {64, 56, 56, 64, 3, 1},
                                                                                    {64, 200, 267, 64, 3, 1},
                                                                                    {128, 28, 28, 128, 3, 1},
                                                                                    {128, 128, 256, 128, 3, 1},
                                                                                    {256, 14, 14, 256, 3, 1},
                                                                                    {256, 19, 19, 512, 3, 2},
                                                                                    {256, 32, 64, 256, 3, 1},
                                                                                    {256, 38, 38, 256, 3, 1},
                                                                                    {512, 7, 7, 512, 3, 1},
                                                                                    {512, 14, 14, 512, 3, 2},
                                                                                    {512, 16, 32, 512, 3, 1},
                                                                                    {512, 19, 19, 486, 3, 1},
                                                                                    {1024, 38, 38, 486, 3, 1}})
        b->Args({c, h, w, k, kernel, stride});
}

BENCHMARK(convolve)->Apply(shapes)->UseManualTime()->Unit(benchmark::kMillisecond)->MinTime(0.3);

}  // namespace
}  // namespace fovea::bench
