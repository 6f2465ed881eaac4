// 3x3 convolution to few output channels beside oneDNN's, both with bias and ReLU.
// usage: OMP_NUM_THREADS=2 bench_narrow_conv; arguments of a case: C H W K bf16
#include "backend/cpu/simd/narrow_conv.hpp"

#include "backend/cpu/simd/target.hpp"
#include "compare.hpp"
#include "dnnl_conv.hpp"

namespace fovea::bench {
namespace {

using namespace backend::cpu::simd;

void narrow(benchmark::State& state) {
    const auto at = [&](int i) { return static_cast<int>(state.range(i)); };
    const ConvShape s{1, at(0), at(1), at(2), at(3), 3, 1, 1, 1};
    const bool bf16 = at(4) != 0;
    const std::size_t element = bf16 ? 2 : 4, pixels = static_cast<std::size_t>(s.h) * s.w;
    const Memory input(pixels * s.c * element), output(pixels * s.k * element), bias(s.k * 4);
    std::vector<std::int32_t> rows(narrow_table_size(s.h)), columns(narrow_table_size(s.w));
    fill_source_index(rows.data(), static_cast<int>(rows.size()), s.h, 1, 1, PadMode::zero);
    fill_source_index(columns.data(), static_cast<int>(columns.size()), s.w, 1, 1, PadMode::zero);
    NarrowConv conv;
    conv.height = s.h, conv.width = s.w, conv.out_channels = s.k;
    conv.type = conv.output_type = bf16 ? DType::bf16 : DType::f32;
    if (bf16 && target_has_bf16_products()) conv.multiply = DType::bf16;
    conv.sources[0] = {input.data.get(), dense_pitch(s.h, s.w, s.c), s.c, rows.data(), columns.data()};
    const Memory weights(narrow_packed_size(conv) * 4);
    conv.weights = weights.floats(), conv.epilogue.bias = bias.floats(), conv.epilogue.activation = Activation::relu;
    conv.output = output.data.get(), conv.output_pitch = dense_pitch(s.h, s.w, s.k);
    DnnlConv library(s, bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32);
    compare(
        state, [&] { narrow_conv(conv, base::thread_count()); }, [&] { library.run(); }, s.flops(),
        static_cast<double>(pixels * (s.c + s.k) * element));
}

void shapes(benchmark::internal::Benchmark* b) {
    for (const int bf16 : {0, 1})
        for (const auto& [c, h, w, k] : std::vector<std::array<int, 4>>{
                 {16, 256, 512, 1}, {32, 128, 256, 1}, {64, 1024, 1024, 1}, {64, 128, 256, 2}, {64, 128, 256, 4}})
            b->Args({c, h, w, k, bf16});
}

BENCHMARK(narrow)->Apply(shapes)->UseManualTime()->Unit(benchmark::kMillisecond)->MinTime(0.3);

}  // namespace
}  // namespace fovea::bench
