// Pooling, channels last: one thread computes kWidth neighbouring channels of one output pixel. The host writes in
// front: In, Out, kWidth, kChannels, kMaximum, kCountPadding, kTapRows, kTapColumns, kStrideY, kStrideX, kDilationY,
// kDilationX, epilogue(x, args, row, channel).

extern "C" __global__ void __launch_bounds__(256) pool(const PoolArgs args) {
    constexpr int kVectors = kChannels / kWidth;
    const long long index = static_cast<long long>(blockIdx.x) * 256 + threadIdx.x;
    const int pixel = static_cast<int>(index / kVectors), channel = static_cast<int>(index % kVectors) * kWidth;
    if (pixel >= args.rows) return;
    const int n = divide(pixel, args.pixels), rest = pixel - n * static_cast<int>(args.pixels.divisor);
    const int row = divide(rest, args.columns), column = rest - row * static_cast<int>(args.columns.divisor);
    float sums[kWidth];
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sums[i] = kMaximum ? -__int_as_float(0x7f800000) : 0.0f;
    int count = 0;
#pragma unroll
    for (int tap_y = 0; tap_y < kTapRows; ++tap_y)
#pragma unroll
        for (int tap_x = 0; tap_x < kTapColumns; ++tap_x) {
            const int y = row * kStrideY - args.pad_y + tap_y * kDilationY;
            const int x = column * kStrideX - args.pad_x + tap_x * kDilationX;
            // Padding counts where the operator says so, but not what ceil_mode adds beyond it.
            if (kCountPadding && y < args.padded_height && x < args.padded_width) ++count;
            if (static_cast<u32>(y) >= static_cast<u32>(args.height) ||
                static_cast<u32>(x) >= static_cast<u32>(args.width))
                continue;
            if (!kCountPadding) ++count;
            float values[kWidth];
            load_vector(values, static_cast<const In*>(args.input) +
                                    static_cast<long long>((n * args.height + y) * args.width + x) * args.pitch +
                                    channel);
#pragma unroll
            for (int i = 0; i < kWidth; ++i)
                sums[i] = kMaximum ? (values[i] > sums[i] || values[i] != values[i] ? values[i] : sums[i])
                                   : sums[i] + values[i];
        }
    if constexpr (!kMaximum) {
#pragma unroll
        for (int i = 0; i < kWidth; ++i) sums[i] /= static_cast<float>(count);
    }
    epilogue(sums, args.epilogue, pixel, channel);
    store_vector(static_cast<Out*>(args.output) + static_cast<long long>(pixel) * args.output_pitch + channel, sums);
}
