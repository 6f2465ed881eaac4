// Normalisation of groups of channels. A group of one image is divided among kChunks blocks: they compute their parts of
// the mean and deviation, and another launch joins these and normalises; a group that one block holds takes one launch.
// The host writes in front, besides what row.cuh needs (kRowThreads is kThreads):
//   In, Out, Parameter               types in memory, of scale and shift last
//   kLength, kWidth, kLoads          elements of a group, of one load; loads of one thread
//   kChunks
//   kStage                           0 all at once, 1 parts, 2 the rest
//   kChannelGroup                    channels of a group
//   kChannelsLast
//   kEpsilon
//   epilogue(x, args, row, channel)

struct Moments {
    float count, mean, squares;  ///< squares: sum of squared distances from the mean
};
DEVICE Moments shuffle(const Moments& m, int step) {
    return {shuffle(m.count, step), shuffle(m.mean, step), shuffle(m.squares, step)};
}
/// The same whichever way round.
struct Joined {
    DEVICE Moments operator()(const Moments& a, const Moments& b) const {
        const float count = a.count + b.count;
        if (count == 0.0f) return {0.0f, 0.0f, 0.0f};
        const float distance = a.mean - b.mean;
        return {count, (a.count * a.mean + b.count * b.mean) / count,
                a.squares + b.squares + distance * distance * (a.count * b.count / count)};
    }
};

extern "C" __global__ void __launch_bounds__(kThreads) group_norm(const GroupNormArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kGroupLoads = kLength / kWidth;
    const int image = divide(blockIdx.x, args.groups);
    const int group = blockIdx.x - image * static_cast<int>(args.groups.divisor);
    const long long base = image * args.image + static_cast<long long>(group) * args.group;
    const int first = blockIdx.y * (kThreads * kLoads) + threadIdx.x;
    float x[kLoads][kWidth];
    long long places[kLoads];
    int channels[kLoads];
    Moments moments{0.0f, 0.0f, 0.0f};
#pragma unroll
    for (int k = 0; k < kLoads; ++k) {
        const int load = first + k * kThreads;
        const int run = kChannelsLast ? divide(load, args.inner) : 0;
        const int inside = (load - run * static_cast<int>(args.inner.divisor) * kChannelsLast) * kWidth;
        places[k] = base + static_cast<long long>(run) * args.stride + inside;
        channels[k] = group * kChannelGroup + (kChannelsLast ? inside : divide(inside, args.of_channel));
#pragma unroll
        for (int i = 0; i < kWidth; ++i) x[k][i] = 0.0f;
        if (load < kGroupLoads) {
            load_vector(x[k], static_cast<const In*>(args.input) + places[k]);
            moments.count += kWidth;
#pragma unroll
            for (int i = 0; i < kWidth; ++i) moments.mean += x[k][i];
        }
    }
    if constexpr (kStage < 2) {
        if (moments.count > 0.0f) moments.mean /= moments.count;
#pragma unroll
        for (int k = 0; k < kLoads; ++k)
            if (first + k * kThreads < kGroupLoads)
#pragma unroll
                for (int i = 0; i < kWidth; ++i) {
                    const float distance = x[k][i] - moments.mean;
                    moments.squares += distance * distance;
                }
    } else {
        const Moments* parts = static_cast<const Moments*>(args.partial) + static_cast<long long>(blockIdx.x) * kChunks;
        moments = {0.0f, 0.0f, 0.0f};
        for (int i = threadIdx.x; i < kChunks; i += kThreads) moments = Joined()(moments, parts[i]);
    }
    moments = of_row<0>(moments, Joined());
    if constexpr (kStage == 1) {
        if (threadIdx.x == 0)
            static_cast<Moments*>(args.partial)[static_cast<long long>(blockIdx.x) * kChunks + blockIdx.y] = moments;
        return;
    }
    const float inverse = rsqrtf(moments.squares * (1.0f / kLength) + kEpsilon);
#pragma unroll
    for (int k = 0; k < kLoads; ++k) {
        if (first + k * kThreads >= kGroupLoads) continue;
        float y[kWidth];
#pragma unroll
        for (int i = 0; i < kWidth; ++i) {
            const int channel = channels[k] + (kChannelsLast ? i : 0);
            y[i] = (x[k][i] - moments.mean) * inverse * to_float(static_cast<const Parameter*>(args.scale)[channel]) +
                   to_float(static_cast<const Parameter*>(args.shift)[channel]);
        }
        epilogue(y, args.epilogue, 0, 0);
        store_vector(static_cast<Out*>(args.output) + places[k], y);
    }
}
