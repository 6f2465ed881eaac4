// Division by the mean square of neighbouring channels. A thread computes kWidth neighbours in memory: pixels of one
// channel, or channels of one pixel (kChannelsLast). The host writes in front: In, Out, kWidth, kChannels, kInner
// (elements from one channel to the next), kChannelsLast, kBefore and kBehind (channels beside the own one), kAlpha
// (divided by their count), kBeta, kBias, epilogue(x, args, row, channel).

extern "C" __global__ void __launch_bounds__(256) lrn(const LrnArgs args) {
    await_predecessors();
    release_successors();
    const int vector = blockIdx.x * 256 + threadIdx.x;
    if (vector >= args.vectors) return;
    const int above = divide(vector, args.inner);
    const int inside = (vector - above * static_cast<int>(args.inner.divisor)) * kWidth;
    const long long place = static_cast<long long>(vector) * kWidth;
    const In* source = static_cast<const In*>(args.input) + place;
    float x[kWidth], sums[kWidth] = {};
    load_vector(x, source);
    if constexpr (kChannelsLast) {
        float near[kWidth + kBefore + kBehind];
#pragma unroll
        for (int i = 0; i < kWidth + kBefore + kBehind; ++i) {
            const int channel = inside + i - kBefore;
            near[i] = i >= kBefore && i < kBefore + kWidth ? x[(i - kBefore + kWidth) % kWidth]
                      : channel >= 0 && channel < kChannels ? to_float(source[i - kBefore])
                                                            : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < kWidth; ++i)
#pragma unroll
            for (int k = 0; k <= kBefore + kBehind; ++k) sums[i] += near[i + k] * near[i + k];
    } else {
        const int channel = above - divide(above, args.channels) * kChannels;
#pragma unroll
        for (int k = -kBefore; k <= kBehind; ++k) {
            if (channel + k < 0 || channel + k >= kChannels) continue;
            float near[kWidth];
            load_vector(near, source + static_cast<long long>(k) * kInner);
#pragma unroll
            for (int i = 0; i < kWidth; ++i) sums[i] += near[i] * near[i];
        }
    }
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] *= powf(kBias + kAlpha * sums[i], -kBeta);
    epilogue(x, args.epilogue, 0, 0);
    store_vector(static_cast<Out*>(args.output) + place, x);
}
