// First-layer convolution from a plain (NCHW) f32 image beside oneDNN's, whose input type and layout are those it likes
// best. usage: OMP_NUM_THREADS=2 bench_stem_conv; arguments of a case: C H W K kernel stride pad bf16
#include "backend/cpu/simd/stem_conv.hpp"

#include "backend/cpu/simd/target.hpp"
#include "compare.hpp"
#include "dnnl_conv.hpp"

namespace fovea::bench {
namespace {

using namespace backend::cpu::simd;

void stem(benchmark::State& state) {
    const auto at = [&](int i) { return static_cast<int>(state.range(i)); };
    const ConvShape s{1, at(0), at(1), at(2), at(3), at(4), at(5), at(6), 1};
    const bool bf16 = at(7) != 0;
    const std::size_t in_pixels = static_cast<std::size_t>(s.h) * s.w,
                      out_pixels = static_cast<std::size_t>(s.out(s.h)) * s.out(s.w);
    const Memory input(in_pixels * s.c * 4), output(out_pixels * s.k * (bf16 ? 2 : 4)), bias(s.k * 4);
    StemConv conv{1, s.c, s.h, s.w, s.k, s.out(s.h), s.out(s.w), s.kernel, s.kernel, s.stride, s.pad, s.pad};
    conv.input = input.data.get();
    conv.channel_step = static_cast<std::int64_t>(in_pixels), conv.row_step = s.w, conv.pixel_step = 1;
    if (bf16 && target_has_bf16_products()) conv.multiply = DType::bf16;
    const Memory weights(stem_packed_size(conv) * 4);
    conv.weights = weights.floats();
    conv.type = bf16 ? DType::bf16 : DType::f32;
    conv.output = output.data.get(), conv.output_pitch = dense_pitch(conv.out_height, conv.out_width, s.k);
    conv.epilogue.bias = bias.floats(), conv.epilogue.activation = Activation::relu;
    const int threads = base::thread_count();
    const Memory workspace(stem_workspace(conv, threads));
    DnnlConv library(s, bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32);
    compare(
        state, [&] { stem_conv(conv, workspace.data.get(), threads); }, [&] { library.run(); }, s.flops(),
        static_cast<double>(in_pixels * s.c * 4 + out_pixels * s.k * (bf16 ? 2 : 4)));
}

void shapes(benchmark::internal::Benchmark* b) {
    for (const int bf16 : {0, 1})
        for (const auto& [h, w, k, kernel, stride, pad] : std::vector<std::array<int, 6>>{{224, 224, 64, 7, 2, 3},
                                                                                          {256, 512, 64, 7, 2, 3},
                                                                                          {512, 1024, 64, 7, 2, 3},
                                                                                          {1024, 1024, 32, 7, 4, 3},
                                                                                          {480, 640, 32, 3, 2, 1},
                                                                                          {256, 256, 16, 3, 1, 1}})
            b->Args({3, h, w, k, kernel, stride, pad, bf16});
}

BENCHMARK(stem)->Apply(shapes)->UseManualTime()->Unit(benchmark::kMillisecond)->MinTime(0.3);

}  // namespace
}  // namespace fovea::bench
