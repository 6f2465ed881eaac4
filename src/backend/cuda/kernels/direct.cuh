// Convolution by plain loops, channels last, for what tensor cores do not help: depthwise and other grouped ones, and
// odd channel counts. One thread computes kWidth neighbouring output channels of one pixel. The host writes in front:
//   In, Out, kWidth, kOutputs, kInGroup, kOutGroup (channels per group), kTapRows, kTapColumns, kStrideY, kStrideX,
//   kDilationY, kDilationX, kPad, kPasses, epilogue(x, args, row, channel)
// kWidth is over 1 only where all of a thread's outputs have the same inputs, or an input each.

extern "C" __global__ void __launch_bounds__(256) direct(const DirectArgs args) {
    await_predecessors();
    release_successors();
    constexpr bool kDepthwise = kInGroup == 1 && kOutGroup == 1;
    constexpr int kVectors = (kOutputs + kWidth - 1) / kWidth;
    const long long index = static_cast<long long>(blockIdx.x) * 256 + threadIdx.x;
    const int pixel = static_cast<int>(index / kVectors), channel = static_cast<int>(index % kVectors) * kWidth;
    if (pixel >= args.rows) return;
    const Pixel place(pixel, args.pixels, args.columns);
    const int first = kDepthwise ? channel : channel / kOutGroup * kInGroup;
    const float* weights = static_cast<const float*>(args.weights) + channel;
    float sums[kWidth] = {};
#pragma unroll
    for (int tap_y = 0; tap_y < kTapRows; ++tap_y)
#pragma unroll
        for (int tap_x = 0; tap_x < kTapColumns; ++tap_x) {
            bool inside = true;
            const int y = source_place(place.row * kStrideY - args.pad_y + tap_y * kDilationY, args.height, inside);
            const int x = source_place(place.column * kStrideX - args.pad_x + tap_x * kDilationX, args.width, inside);
            if (!inside) continue;
            const In* source = source_of(args, place.image, y, x, first);
            const float* line = weights + (tap_y * kTapColumns + tap_x) * kInGroup * kOutputs;
            for (int c = 0; c < kInGroup; ++c) {
                float w[kWidth], values[kWidth];
                load_vector(w, line + c * kOutputs);
                if constexpr (kDepthwise) {
                    load_vector(values, source);
                } else {
                    const float value = to_float(source[c]);
#pragma unroll
                    for (int i = 0; i < kWidth; ++i) values[i] = value;
                }
#pragma unroll
                for (int i = 0; i < kWidth; ++i) sums[i] += values[i] * w[i];
            }
        }
    epilogue(sums, args.epilogue, pixel, channel);
    store_vector(static_cast<Out*>(args.output) + static_cast<long long>(pixel) * args.output_pitch + channel, sums);
}
