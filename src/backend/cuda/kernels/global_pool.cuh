// Mean or maximum of all pixels, channels last. A block of 32 x 8 threads takes kWidth channels a column of threads;
// the eight rows share the pixels. The host writes in front: In, Out, kWidth, kChannels, kMaximum,
// epilogue(x, args, row, channel).

extern "C" __global__ void __launch_bounds__(256) global_pool(const GlobalPoolArgs args) {
    await_predecessors();
    release_successors();
    __shared__ float parts[8][32][kWidth];
    const int lane = threadIdx.x % 32, part = threadIdx.x / 32, n = blockIdx.y;
    const int channel = (blockIdx.x * 32 + lane) * kWidth;
    float sums[kWidth];
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sums[i] = kMaximum ? -__int_as_float(0x7f800000) : 0.0f;
    if (channel < kChannels)
        for (int pixel = part; pixel < args.pixels; pixel += 8) {
            float values[kWidth];
            load_vector(values, static_cast<const In*>(args.input) +
                                    (static_cast<long long>(n) * args.pixels + pixel) * args.pitch + channel);
#pragma unroll
            for (int i = 0; i < kWidth; ++i) sums[i] = kMaximum ? fmaxf(sums[i], values[i]) : sums[i] + values[i];
        }
#pragma unroll
    for (int i = 0; i < kWidth; ++i) parts[part][lane][i] = sums[i];
    __syncthreads();
    if (part != 0 || channel >= kChannels) return;
#pragma unroll
    for (int p = 1; p < 8; ++p)
#pragma unroll
        for (int i = 0; i < kWidth; ++i)
            sums[i] = kMaximum ? fmaxf(sums[i], parts[p][lane][i]) : sums[i] + parts[p][lane][i];
    if constexpr (!kMaximum) {
#pragma unroll
        for (int i = 0; i < kWidth; ++i) sums[i] /= static_cast<float>(args.pixels);
    }
    epilogue(sums, args.epilogue, n, channel);
    store_vector(static_cast<Out*>(args.output) + static_cast<long long>(n) * args.output_pitch + channel, sums);
}
