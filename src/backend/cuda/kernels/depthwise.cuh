// Depthwise convolution, channels last: one thread computes kWidth neighbouring channels of kRun neighbouring pixels of
// one row, whose windows overlap. The host writes in front:
//   In, Out, kWidth, kRun, kOutputs, kTapRows, kTapColumns, kStrideY, kStrideX, kDilationY, kDilationX, kPad, kPasses,
//   epilogue(x, args, row, channel)

constexpr int kSpan = (kRun - 1) * kStrideX + (kTapColumns - 1) * kDilationX + 1;  // input columns of a run

extern "C" __global__ void __launch_bounds__(256) depthwise(const DirectArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kVectors = kOutputs / kWidth;
    const long long index = static_cast<long long>(blockIdx.x) * 256 + threadIdx.x;
    const int run = static_cast<int>(index / kVectors), channel = static_cast<int>(index % kVectors) * kWidth;
    if (run >= args.rows) return;
    const int line = divide(run, args.columns), n = divide(line, args.pixels);
    const int row = line - n * static_cast<int>(args.pixels.divisor);
    const int column = (run - line * static_cast<int>(args.columns.divisor)) * kRun;
    const float* weights = static_cast<const float*>(args.weights) + channel;
    float sums[kRun][kWidth] = {};
#pragma unroll
    for (int tap_y = 0; tap_y < kTapRows; ++tap_y) {
        bool row_inside = true;
        const int y = source_place(row * kStrideY - args.pad_y + tap_y * kDilationY, args.height, row_inside);
        if (!row_inside) continue;
        const In* source = source_of(args, n, y, 0, channel);
        float values[kSpan][kWidth];
#pragma unroll
        for (int i = 0; i < kSpan; ++i) {
            bool inside = true;
            const int x = source_place(column * kStrideX - args.pad_x + i, args.width, inside);
#pragma unroll
            for (int c = 0; c < kWidth; ++c) values[i][c] = 0;
            if (inside) load_vector(values[i], source + static_cast<long long>(x) * args.pitch);
        }
#pragma unroll
        for (int tap_x = 0; tap_x < kTapColumns; ++tap_x) {
            float w[kWidth];
            load_vector(w, weights + (tap_y * kTapColumns + tap_x) * kOutputs);
#pragma unroll
            for (int i = 0; i < kRun; ++i)
#pragma unroll
                for (int c = 0; c < kWidth; ++c)
                    sums[i][c] += values[i * kStrideX + tap_x * kDilationX][c] * w[c];
        }
    }
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
        if (column + i >= args.output_width) break;
        const int pixel = line * args.output_width + column + i;
        epilogue(sums[i], args.epilogue, pixel, channel);
        store_vector(static_cast<Out*>(args.output) + static_cast<long long>(pixel) * args.output_pitch + channel,
                     sums[i]);
    }
}
