// Transposed convolution by plain loops, channels last: one thread computes kWidth neighbouring output channels of one
// pixel, from the input pixels whose taps meet it. The host writes in front: In, Out, kWidth, kOutputs, kInGroup,
// kOutGroup (channels per group), kTapRows, kTapColumns, kStrideY, kStrideX, kDilationY, kDilationX,
// epilogue(x, args, row, channel).

extern "C" __global__ void __launch_bounds__(256) transposed_conv(const DirectArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kVectors = kOutputs / kWidth;
    const long long index = static_cast<long long>(blockIdx.x) * 256 + threadIdx.x;
    const int pixel = static_cast<int>(index / kVectors), channel = static_cast<int>(index % kVectors) * kWidth;
    if (pixel >= args.rows) return;
    const Pixel place(pixel, args.pixels, args.columns);
    float sums[kWidth] = {};
    for (int tap_y = 0; tap_y < kTapRows; ++tap_y) {
        const int down = place.row + args.pad_y - tap_y * kDilationY, y = down / kStrideY;
        if (down < 0 || down % kStrideY != 0 || y >= args.height) continue;
        for (int tap_x = 0; tap_x < kTapColumns; ++tap_x) {
            const int across = place.column + args.pad_x - tap_x * kDilationX, x = across / kStrideX;
            if (across < 0 || across % kStrideX != 0 || x >= args.width) continue;
            const In* source = source_of(args, place.image, y, x, channel / kOutGroup * kInGroup);
            const float* weights = static_cast<const float*>(args.weights) +
                                   static_cast<long long>(tap_y * kTapColumns + tap_x) * kInGroup * kOutputs + channel;
#pragma unroll 4
            for (int c = 0; c < kInGroup; ++c) {
                float w[kWidth];
                load_vector(w, weights + c * kOutputs);
                const float value = to_float(source[c]);
#pragma unroll
                for (int i = 0; i < kWidth; ++i) sums[i] += value * w[i];
            }
        }
    }
    epilogue(sums, args.epilogue, pixel, channel);
    store_vector(static_cast<Out*>(args.output) + static_cast<long long>(pixel) * args.output_pitch + channel, sums);
}
