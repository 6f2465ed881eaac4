// Pooling, channels last: kShare threads compute kWidth neighbouring channels of one output pixel. The host writes in
// front: In, Out, kWidth, kShare, kChannels, kMaximum, kCountPadding, kTapRows, kTapColumns, kStrideY, kStrideX,
// kDilationY, kDilationX, epilogue(x, args, row, channel).

DEVICE float pooled(float a, float b) { return kMaximum ? (b > a || b != b ? b : a) : a + b; }

extern "C" __global__ void __launch_bounds__(256) pool(const PoolArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kVectors = kChannels / kWidth;
    const long long index = (static_cast<long long>(blockIdx.x) * 256 + threadIdx.x) / kShare;
    const int pixel = static_cast<int>(index / kVectors), channel = static_cast<int>(index % kVectors) * kWidth;
    if (pixel >= args.rows) return;
    const Pixel place(pixel, args.pixels, args.columns);
    float sums[kWidth];
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sums[i] = kMaximum ? -__int_as_float(0x7f800000) : 0.0f;
    int count = 0;
#pragma unroll
    for (int first = 0; first < kTapRows * kTapColumns; first += kShare) {
        const int tap = first + threadIdx.x % kShare, tap_y = tap / kTapColumns, tap_x = tap % kTapColumns;
        const int y = place.row * kStrideY - args.pad_y + tap_y * kDilationY;
        const int x = place.column * kStrideX - args.pad_x + tap_x * kDilationX;
        if (tap_y >= kTapRows) break;
        // Padding counts where the operator says so, but not what ceil_mode adds beyond it.
        if (kCountPadding && y < args.padded_height && x < args.padded_width) ++count;
        if (static_cast<u32>(y) >= static_cast<u32>(args.height) || static_cast<u32>(x) >= static_cast<u32>(args.width))
            continue;
        if (!kCountPadding) ++count;
        float values[kWidth];
        load_vector(values, source_of(args, place.image, y, x, channel));
#pragma unroll
        for (int i = 0; i < kWidth; ++i) sums[i] = pooled(sums[i], values[i]);
    }
#pragma unroll
    for (int distance = kShare / 2; distance > 0; distance /= 2) {
        count += __shfl_xor_sync(0xffffffff, count, distance);
#pragma unroll
        for (int i = 0; i < kWidth; ++i)
            sums[i] = pooled(sums[i], __shfl_xor_sync(0xffffffff, sums[i], distance));
    }
    if (threadIdx.x % kShare != 0) return;
    if constexpr (!kMaximum) {
#pragma unroll
        for (int i = 0; i < kWidth; ++i) sums[i] /= static_cast<float>(count);
    }
    epilogue(sums, args.epilogue, pixel, channel);
    store_vector(static_cast<Out*>(args.output) + static_cast<long long>(pixel) * args.output_pitch + channel, sums);
}
