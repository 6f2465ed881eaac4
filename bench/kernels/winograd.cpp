// Winograd convolution beside oneDNN's direct one, both with bias and ReLU.
// usage: OMP_NUM_THREADS=2 bench_winograd; arguments of a case: C H W K mode tiles type (mode and tiles:
// WinogradBlocking; type 0: f32, 1: bf16, 2: bf16 with products in i16)
#include "backend/cpu/simd/winograd.hpp"

#include <algorithm>

#include "compare.hpp"
#include "dnnl_conv.hpp"

namespace fovea::bench {
namespace {

using namespace backend::cpu::simd;

void winograd(benchmark::State& state) {
    const ConvShape s{1,
                      static_cast<int>(state.range(0)),
                      static_cast<int>(state.range(1)),
                      static_cast<int>(state.range(2)),
                      static_cast<int>(state.range(3)),
                      3,
                      1,
                      1,
                      1};
    const WinogradBlocking blocking{static_cast<WinogradBlocking::Mode>(state.range(4)),
                                    static_cast<int>(state.range(5))};
    const bool bf16 = state.range(6) != 0, words = state.range(6) == 2;
    const std::size_t element = bf16 ? 2 : 4, pixels = static_cast<std::size_t>(s.h) * s.w;
    const int threads = base::thread_count();
    const Memory input(pixels * s.c * element), output(pixels * s.k * element), bias(s.k * 4);
    std::vector<std::int32_t> rows(winograd_table_size(s.h)), columns(winograd_table_size(s.w));
    fill_source_index(rows.data(), static_cast<int>(rows.size()), s.h, 1, 1, PadMode::zero);
    fill_source_index(columns.data(), static_cast<int>(columns.size()), s.w, 1, 1, PadMode::zero);
    WinogradConv conv;
    conv.height = s.h, conv.width = s.w, conv.out_channels = s.k;
    conv.type = conv.output_type = bf16 ? DType::bf16 : DType::f32;
    conv.multiply = words ? DType::i16 : DType::f32;
    conv.sources[0] = {input.data.get(), dense_pitch(s.h, s.w, s.c), s.c, rows.data(), columns.data()};
    const Memory weights(winograd_packed_size(conv) * 4);
    conv.weights = weights.floats();
    conv.output = output.data.get(), conv.output_pitch = dense_pitch(s.h, s.w, s.k);
    conv.epilogue.bias = bias.floats(), conv.epilogue.activation = Activation::relu;
    const Memory workspace(winograd_workspace(conv, threads, blocking));
    DnnlConv library(s, bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32);
    compare(
        state, [&] { winograd_conv(conv, workspace.data.get(), threads, blocking); }, [&] { library.run(); }, s.flops(),
        static_cast<double>(pixels * (s.c + s.k) * element));
}

void shapes(benchmark::internal::Benchmark* b) {
    for (const int type : {0, 1, 2})
        for (const int mode : {0, 1, 2})
            for (const auto& [c, h, w, k] : std::vector<std::array<int, 4>>{{16, 256, 512, 16},
                                                                            {32, 128, 256, 16},
                                                                            {64, 64, 128, 64},
                                                                            {64, 256, 256, 64},
                                                                            {64, 56, 56, 64},
                                                                            {96, 128, 256, 32},
                                                                            {128, 28, 28, 128},
                                                                            {128, 64, 128, 128},
                                                                            {256, 14, 14, 256},
                                                                            {256, 32, 64, 256},
                                                                            {256, 38, 38, 256},
                                                                            {512, 7, 7, 512},
                                                                            {512, 16, 32, 512},
                                                                            {1024, 38, 38, 324}})
                b->Args({c, h, w, k, mode, 0, type});
}

BENCHMARK(winograd)->Apply(shapes)->UseManualTime()->Unit(benchmark::kMillisecond)->MinTime(0.3);

}  // namespace
}  // namespace fovea::bench
